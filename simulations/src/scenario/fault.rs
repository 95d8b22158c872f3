//! What can go wrong in a scenario.

use serde::Deserialize;

/// What goes wrong. Minutes count from the beginning; the liveness phase begins with everything healed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// Nothing passes between two groups of nodes.
    Cut {
        /// One group.
        between: String,
        /// The other.
        and: String,
        /// Which way nothing passes.
        #[serde(default)]
        way: Way,
        /// From when.
        from_min: u64,
        /// Until when.
        until_min: u64,
    },
    /// Nodes are switched off and come back.
    Down {
        /// Which.
        nodes: String,
        /// From when.
        from_min: u64,
        /// Until when.
        until_min: u64,
    },
    /// Nodes lose power now and then, and what their disks had not synced.
    PowerCut {
        /// Which.
        nodes: String,
        /// Mean time between two cuts of one node.
        every_s: u64,
        /// Longest time without power.
        off_s_max: u64,
    },
    /// Every pair between two groups is cut now and then, all ways.
    Flap {
        /// One group.
        between: String,
        /// The other.
        and: String,
        /// Which way nothing passes.
        #[serde(default)]
        way: Way,
        /// Mean time between two cuts of one pair.
        every_s: u64,
        /// Longest cut.
        off_s_max: u64,
    },
    /// Connections between two groups are reset now and then: frames on their way are lost.
    Reset {
        /// One group.
        between: String,
        /// The other.
        and: String,
        /// Mean time between two resets of one pair.
        every_s: u64,
    },
    /// Links between two groups stand still now and then; nothing is lost.
    Clog {
        /// One group.
        between: String,
        /// The other.
        and: String,
        /// Mean time between two clogs of one pair.
        every_s: u64,
        /// Longest clog.
        for_s_max: u64,
    },
    /// Disks take some writes and refuse others now and then, as a disk that is nearly full does.
    FullDisk {
        /// Which.
        nodes: String,
        /// Mean time between two such times of one node.
        every_s: u64,
        /// Longest time.
        for_s_max: u64,
    },
    /// Clocks are set wrong.
    Clock {
        /// Whose.
        nodes: String,
        /// When.
        at_min: u64,
        /// By how many seconds they jump, at most, either way.
        #[serde(default)]
        jump_s_max: u64,
        /// How fast they drift from then on, at most, either way. Parts per million.
        #[serde(default)]
        drift_ppm_max: u64,
        /// Whether they stand still from then on.
        #[serde(default)]
        frozen: bool,
    },
}

/// Which way nothing passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Neither way.
    #[default]
    Both,
    /// From the first group to the second.
    There,
    /// From the second group to the first.
    Back,
}
