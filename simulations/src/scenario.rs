//! Scenarios: a city, its day, and what goes wrong on it. TOML; every value but the name has a default.

use serde::Deserialize;

mod courier;
mod fault;
mod random;

pub use courier::Courier;
pub use fault::{Fault, Trick, Way};

/// A scenario that is not one: the file is at fault.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// No scenario of that name is built in.
    #[error("no scenario is called '{name}'; there are {}", names())]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// Not TOML, or not of this shape.
    #[error("the scenario cannot be read: {0}")]
    Shape(#[from] toml::de::Error),
    /// A selector names nobody.
    #[error("'{0}' names no node: authority, labs, sites, all, cell-N, lab-N or site-N")]
    Selector(String),
}

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../scenarios/", $name, ".toml")))),*]
    };
}

const BUILT_IN: [(&str, &str); 15] = built_in![
    "clinic-day",
    "district-cut",
    "authority-down-6h",
    "flapping-uplink",
    "courier-only",
    "clock-chaos",
    "power-cuts",
    "restore-from-backup",
    "cloned-machine",
    "hostile-node",
    "withdrawn-node",
    "city-morning",
    "late-joiner",
    "retention",
    "rush",
];

/// The name of the scenario that is another one with each seed.
pub const RANDOM: &str = "random";

/// The names of the scenarios built in, separated by commas.
#[must_use]
pub fn names() -> String {
    BUILT_IN.map(|(name, _)| name).into_iter().chain([RANDOM]).collect::<Vec<_>>().join(", ")
}

/// A world to be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// What it shows, in a sentence.
    #[serde(default)]
    pub about: String,
    /// Virtual minutes of the safety phase.
    #[serde(default = "Scenario::minutes")]
    pub minutes: u64,
    /// Virtual seconds in which a healed city must agree. Source: two redial back-offs and two comparisons.
    #[serde(default = "Scenario::converge_s_max")]
    pub converge_s_max: u64,
    /// Who takes part.
    #[serde(default)]
    pub city: City,
    /// What they do.
    #[serde(default)]
    pub day: Day,
    /// How they are connected.
    #[serde(default)]
    pub network: Links,
    /// How fast their disks are.
    #[serde(default)]
    pub disk: DiskTimes,
    /// What goes wrong.
    #[serde(default)]
    pub fault: Vec<Fault>,
    /// Who carries what between sites and the authority.
    #[serde(default)]
    pub courier: Vec<Courier>,
}

/// Who takes part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct City {
    /// Cells, numbered from 1.
    pub cells: u16,
    /// Sites, dealt out to the cells in turn.
    pub sites: usize,
    /// Laboratories.
    pub labs: usize,
    /// Neighbours of its cell that a site dials.
    pub neighbours: usize,
    /// Cells whose sites have no line to the authority at all, not even when everything is healed.
    pub without_line: Vec<u16>,
}

/// What they do. Shares are per thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Day {
    /// Operators of one site, each with tubes of their own.
    pub operators: usize,
    /// When nobody new comes any more: with everything healed if absent. Minutes.
    pub closes_min: Option<u64>,
    /// Mean wait between two people of one operator. Milliseconds.
    pub person_every_ms: u64,
    /// Time between two steps of one operator. Milliseconds.
    pub step_ms: u64,
    /// Residents with a code, for each site; when all have come, the rest comes with documents.
    pub codes_per_site: usize,
    /// People per tube: 1, 5, 10 or 20.
    pub pool: u8,
    /// People who come with a document instead of a code.
    pub by_document: u32,
    /// People who come a second time, here or elsewhere.
    pub again: u32,
    /// Duplicates that are registered all the same, with a reason.
    pub insist: u32,
    /// Registrations voided at once.
    pub voided: u32,
    /// Registrations amended at once.
    pub amended: u32,
    /// New tubes into which a registration of the one before is moved.
    pub moved: u32,
    /// New tubes whose barcode another site uses too.
    pub shared_barcode: u32,
    /// Tubes in a box.
    pub box_tubes: usize,
    /// Minutes a courier takes, at least and at most.
    pub courier_min: [u64; 2],
    /// Minutes a laboratory takes, at least and at most.
    pub reading_min: [u64; 2],
    /// Tubes that are positive.
    pub positive: u32,
    /// Readings taken back.
    pub corrected: u32,
}

/// How nodes are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Links {
    /// Inside a cell.
    pub lan: Lan,
    /// To the authority.
    pub uplink: Uplink,
}

macro_rules! profile {
    ($(#[$doc:meta])* $name:ident, $latency:expr, $bytes:expr, $dead:expr, $redial:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            /// One way, at least and at most. Milliseconds.
            pub latency_ms: [u64; 2],
            /// Bytes a millisecond.
            pub bytes_per_ms: u64,
            /// Silence after which a connection is taken for dead. Milliseconds.
            pub dead_after_ms: u64,
            /// Longest wait before dialling again. Milliseconds; the first is at most a second.
            pub redial_ms_max: u64,
        }

        impl Default for $name {
            fn default() -> Self {
                Self { latency_ms: $latency, bytes_per_ms: $bytes, dead_after_ms: $dead, redial_ms_max: $redial }
            }
        }

        impl From<$name> for Profile {
            fn from(from: $name) -> Self {
                let $name { latency_ms, bytes_per_ms, dead_after_ms, redial_ms_max } = from;
                Self { latency_ms, bytes_per_ms, dead_after_ms, redial_ms_max }
            }
        }
    };
}

profile! {
    /// A local network. Source: design §5 for silence and redialling.
    Lan, [1, 4], 10_000, 10_000, 15_000
}
profile! {
    /// A 4G line. Source: design §5; a megabyte a second.
    Uplink, [20, 80], 1_000, 30_000, 60_000
}

/// A link's properties, whichever kind it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// One way, at least and at most. Milliseconds.
    pub latency_ms: [u64; 2],
    /// Bytes a millisecond.
    pub bytes_per_ms: u64,
    /// Silence after which a connection is taken for dead. Milliseconds.
    pub dead_after_ms: u64,
    /// Longest wait before dialling again. Milliseconds.
    pub redial_ms_max: u64,
}

/// How fast disks are. Milliseconds, at least and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiskTimes {
    /// One sync.
    pub sync_ms: [u64; 2],
    /// One batch of the index.
    pub index_ms: [u64; 2],
    /// One read.
    pub read_ms: [u64; 2],
    /// Batches between two checkpoints of the index.
    pub checkpoint_batches: usize,
}

impl Scenario {
    const fn minutes() -> u64 {
        120
    }

    const fn converge_s_max() -> u64 {
        240
    }

    /// A scenario that is built in; `seed` makes [`RANDOM`] what it is, and the others are the same with any.
    ///
    /// # Errors
    /// [`ScenarioError`].
    pub fn named(name: &str, seed: u64) -> Result<Self, ScenarioError> {
        if name == RANDOM {
            return Ok(random::scenario(seed));
        }
        let found = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
        let (_, text) = found.ok_or_else(|| ScenarioError::Unknown { name: name.to_owned() })?;
        Self::parse(text)
    }

    /// Whether some feed may get two histories, or a part that does not count.
    #[must_use]
    pub fn may_fork(&self) -> bool {
        self.fault.iter().any(Fault::forks)
    }

    /// Whether some machine may go off.
    #[must_use]
    pub fn may_lose_power(&self) -> bool {
        self.fault.iter().any(Fault::cuts_power)
    }

    /// Whether the authority may let go of the past.
    #[must_use]
    pub fn may_let_go(&self) -> bool {
        self.fault.iter().any(Fault::lets_go)
    }

    /// Reads a scenario from TOML.
    ///
    /// # Errors
    /// [`ScenarioError::Shape`].
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        Ok(toml::from_str(text)?)
    }
}

impl Default for City {
    fn default() -> Self {
        Self { cells: 2, sites: 8, labs: 1, neighbours: 2, without_line: Vec::new() }
    }
}

impl Default for Day {
    fn default() -> Self {
        Self {
            operators: 1,
            closes_min: None,
            person_every_ms: 20_000,
            step_ms: 1_500,
            codes_per_site: 200,
            pool: 10,
            by_document: 200,
            again: 30,
            insist: 500,
            voided: 10,
            amended: 10,
            moved: 100,
            shared_barcode: 5,
            box_tubes: 6,
            courier_min: [10, 40],
            reading_min: [5, 20],
            positive: 5,
            corrected: 20,
        }
    }
}

impl Default for DiskTimes {
    fn default() -> Self {
        Self { sync_ms: [2, 12], index_ms: [1, 8], read_ms: [0, 3], checkpoint_batches: 64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_built_in_can_be_read_and_is_called_what_it_is_called() {
        for (name, text) in BUILT_IN {
            assert_eq!(Scenario::parse(text).unwrap().name, name);
        }
    }

    #[test]
    fn a_misspelt_value_is_an_error() {
        assert!(Scenario::parse("name = 'x'\nminuts = 5").is_err());
        assert!(matches!(Scenario::named("nothing", 1), Err(ScenarioError::Unknown { .. })));
    }
}
