//! A day of testing: what people at desks, in laboratories and at the authority do.

use std::collections::BTreeMap;

use swabmesh_protocol::command::{Command, Refusal, Reply};
use swabmesh_protocol::fact::{Operator, Role};
use swabmesh_protocol::id::{Barcode, Person};
use swabmesh_protocol::io::RequestId;
use swabmesh_protocol::text::Text;

use crate::chance::{Chance, derive};
use crate::city::{AUTHORITY, City, NodeId};
use crate::queue::At;
use crate::scenario::{Day, Scenario};

mod desk;
mod laboratory;
mod office;

use desk::Desk;
use laboratory::Laboratory;
use office::Office;

/// Sites open after this long: the authority has begun to issue codes. Milliseconds.
const OPENING_MS: u64 = 60_000;
/// An operator whose node is off or busy tries again after this long. Milliseconds.
const RETRY_MS: u64 = 5_000;

/// Work that waits for its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// An operator of a site goes on.
    Desk(NodeId, usize),
    /// A box is at a laboratory's door.
    Box(NodeId, Barcode),
    /// A laboratory reads a tube.
    Read(NodeId, Barcode),
    /// The authority goes on.
    Office,
}

/// What the workload wants of the world.
#[derive(Debug)]
pub enum Act {
    /// Somebody asks a node for something.
    Ask(NodeId, RequestId, Box<Command>),
    /// Something waits for its time.
    Later(At, Work),
}

/// A resident.
#[derive(Debug, Clone)]
struct Resident {
    person: Person,
    last_four: Text<4>,
    code: Option<String>,
    /// Shown as accepted before, anywhere.
    registered: bool,
}

impl Resident {
    fn new(seed: u64, number: usize) -> Self {
        let [a, b, rest @ ..] = derive(seed, "resident", number as u64);
        let mut person = [0; 16];
        person.iter_mut().zip(rest).for_each(|(to, from)| *to = from);
        let last_four = Text::truncated(&format!("{:04}", u16::from_be_bytes([a, b]) % 10_000));
        Self { person: Person(person), last_four, code: None, registered: false }
    }
}

/// What was done, for the report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Registrations asked for.
    pub registrations: u64,
    /// Registrations shown as accepted.
    pub accepted: u64,
    /// Of those, people who were shown as accepted before.
    pub again: u64,
    /// Codes issued.
    pub issued: u64,
    /// Tubes reported.
    pub reported: u64,
    /// Commands refused, whatever the reason.
    pub refused: u64,
}

/// What all actors share.
#[derive(Debug)]
struct Town {
    day: Day,
    chance: Chance,
    residents: Vec<Resident>,
    /// How many of those have or will have codes, and how many of these came.
    coded: usize,
    came: usize,
    seed: u64,
    /// Residents registered, in order of their first registration.
    known: Vec<usize>,
    boxes: BTreeMap<Barcode, Vec<Barcode>>,
    /// A tube that some desk has open: another may get hold of the same barcode.
    open_tubes: BTreeMap<NodeId, Barcode>,
    labs: Vec<NodeId>,
    tally: Tally,
    acts: Vec<Act>,
    /// Who waits for an answer: at a site, which operator.
    asked: BTreeMap<(NodeId, RequestId), usize>,
    requests: u64,
    closing: bool,
}

impl Town {
    fn ask(&mut self, node: NodeId, operator: usize, command: Command) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.asked.insert((node, request), operator);
        self.acts.push(Act::Ask(node, request, Box::new(command)));
        request
    }

    /// The next person who comes for the first time.
    fn next_resident(&mut self) -> usize {
        let with_code = self.came < self.coded && !self.chance.happens(self.day.by_document);
        if with_code {
            self.came += 1;
            return self.came - 1;
        }
        self.residents.push(Resident::new(self.seed, self.residents.len()));
        self.residents.len() - 1
    }

    fn later(&mut self, at: At, work: Work) {
        self.acts.push(Act::Later(at, work));
    }
}

/// Everybody who works.
#[derive(Debug)]
pub struct Workload {
    town: Town,
    desks: BTreeMap<(NodeId, usize), Desk>,
    laboratories: BTreeMap<NodeId, Laboratory>,
    office: Office,
}

/// What an operator was told that contradicts what it was told before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// At which node.
    pub node: NodeId,
    /// What.
    pub what: String,
}

fn operator(name: &str) -> Operator {
    Text::truncated(name)
}

impl Workload {
    /// Everybody gets up.
    #[must_use]
    pub fn new(scenario: &Scenario, city: &City, seed: u64) -> Self {
        let coded = scenario.day.codes_per_site * scenario.city.sites;
        let operators = scenario.day.operators;
        let of_site = |site| (0..operators).map(move |number| (site, number));
        let desks = city.of_role(Role::Site).flat_map(of_site);
        let desks = desks.map(|(site, number)| ((site, number), Desk::new(site, number, city.name(site)))).collect();
        let laboratories = city.of_role(Role::Lab).map(|lab| (lab, Laboratory::new(lab))).collect();
        let office = Office::new(city, coded);
        let town = Town {
            day: scenario.day,
            chance: Chance::new(seed, "workload"),
            residents: (0..coded).map(|number| Resident::new(seed, number)).collect(),
            coded,
            came: 0,
            seed,
            known: Vec::new(),
            boxes: BTreeMap::new(),
            open_tubes: BTreeMap::new(),
            labs: city.of_role(Role::Lab).collect(),
            tally: Tally::default(),
            acts: Vec::new(),
            asked: BTreeMap::new(),
            requests: 0,
            closing: false,
        };
        let mut workload = Self { town, desks, laboratories, office };
        workload.town.later(At(1), Work::Office);
        for (site, number) in workload.desks.keys() {
            let at = At(OPENING_MS + workload.town.chance.around(workload.town.day.person_every_ms));
            workload.town.acts.push(Act::Later(at, Work::Desk(*site, *number)));
        }
        workload
    }

    /// Takes what is to be done.
    pub fn take_acts(&mut self) -> Vec<Act> {
        std::mem::take(&mut self.town.acts)
    }

    /// What was done.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.town.tally
    }

    /// The doors close: nobody new comes, what was begun is finished.
    pub fn close(&mut self) {
        self.town.closing = true;
        self.office.close();
    }

    /// Whether nothing that was begun is left.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.town.asked.is_empty() && self.office.is_done()
    }

    /// Work whose time has come; `runs` tells whether its node does.
    pub fn work(&mut self, at: At, work: Work, runs: bool) {
        if self.town.closing && matches!(work, Work::Box(..) | Work::Read(..)) {
            return;
        }
        if !runs {
            self.town.later(at.after_ms(RETRY_MS), work);
            return;
        }
        match work {
            Work::Desk(site, number) => {
                if let Some(desk) = self.desks.get_mut(&(site, number)) {
                    desk.go_on(at, &mut self.town);
                }
            }
            Work::Box(lab, transport) => {
                if let Some(laboratory) = self.laboratories.get_mut(&lab) {
                    laboratory.receive(transport, &mut self.town);
                }
            }
            Work::Read(lab, tube) => {
                if let Some(laboratory) = self.laboratories.get_mut(&lab) {
                    laboratory.read(tube, &mut self.town);
                }
            }
            Work::Office => self.office.go_on(at, &mut self.town),
        }
    }

    /// A node answered.
    pub fn reply(
        &mut self,
        at: At,
        node: NodeId,
        request: RequestId,
        result: &Result<Reply, Refusal>,
    ) -> Option<Forgotten> {
        let operator = self.town.asked.remove(&(node, request))?;
        self.town.tally.refused += u64::from(result.is_err());
        if node == AUTHORITY {
            self.office.reply(at, request, result, &mut self.town);
        } else if let Some(desk) = self.desks.get_mut(&(node, operator)) {
            let forgotten = desk.reply(at, result, &mut self.town);
            return forgotten.map(|what| Forgotten { node, what });
        } else if let Some(laboratory) = self.laboratories.get_mut(&node) {
            let forgotten = laboratory.reply(at, request, result, &mut self.town);
            return forgotten.map(|what| Forgotten { node, what });
        }
        None
    }

    /// A node's disk is gone: its operators begin anew with whatever the copy holds.
    pub fn disk_died(&mut self, at: At, node: NodeId) {
        for (_, desk) in self.desks.range_mut((node, 0)..=(node, usize::MAX)) {
            desk.begin_anew(at, &mut self.town);
        }
    }

    /// A node lost its power: nobody answers what was asked, people ask again.
    pub fn interrupted(&mut self, at: At, node: NodeId) {
        self.town.asked.retain(|(asked, _), _| *asked != node);
        for (_, desk) in self.desks.range_mut((node, 0)..=(node, usize::MAX)) {
            desk.interrupted(at, &mut self.town);
        }
        if node == AUTHORITY {
            self.office.interrupted(at, &mut self.town);
        } else if let Some(laboratory) = self.laboratories.get_mut(&node) {
            laboratory.interrupted(at, &mut self.town);
        }
    }
}
