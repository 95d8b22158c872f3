//! One node as its runner sees it: the production core, a disk that keeps everything, and tables that follow at once.

use ed25519_dalek::SigningKey;
use swabmesh_protocol::answer::answer;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::chunk::SealedChunk;
use swabmesh_protocol::command::{Command, Refusal, Reply, Verdict};
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::{Operator, Remark, Role, Subject};
use swabmesh_protocol::id::{Barcode, Epoch, Lane, NodeKey, Person};
use swabmesh_protocol::io::{Arrival, Carried, Input, Notice, Output, RequestId};
use swabmesh_protocol::project::{self, Flag, FlagKind, Rules};
use swabmesh_protocol::replica::{Held, Identity, Replica, Signed};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::{MS_PER_S, Mono, Now, Wall};
use swabmesh_protocol::tube::Document;
use swabmesh_protocol::tube::view::TubeView;
use swabmesh_protocol::view::{Batch, MemoryTables};

pub(crate) const AUTHORITY: u8 = 2;
pub(crate) const GATE: u8 = 3;
pub(crate) const OTHER_GATE: u8 = 4;
pub(crate) const LAB: u8 = 5;
pub(crate) const OTHER_LAB: u8 = 6;

const CELL: Lane = Lane(1);
const ROOT: u8 = 1;
/// 9 April 2022, 00:00 in Shanghai.
const MORNING: Wall = Wall(1_649_433_600_000);

pub(crate) fn signing_key(of: u8) -> SigningKey {
    SigningKey::from_bytes(&[of; 32])
}

pub(crate) fn key(of: u8) -> NodeKey {
    node_key(&signing_key(of))
}

fn role(of: u8) -> Role {
    match of {
        AUTHORITY => Role::Authority,
        LAB | OTHER_LAB => Role::Lab,
        _ => Role::Site,
    }
}

fn certificate(of: u8) -> Vec<u8> {
    let lane = if role(of) == Role::Site { CELL } else { Lane::CITY };
    let name = Text::truncated(&format!("node {of}"));
    Certificate { node: key(of), role: role(of), name, lane, serial: 1, from: 0, until: u64::MAX }
        .sign(&signing_key(ROOT))
}

/// A node, its disk and its tables.
pub(crate) struct Node {
    replica: Replica,
    pub(crate) tables: MemoryTables,
    /// Every chunk that was acknowledged, in the order of arrival.
    pub(crate) disk: Vec<Vec<u8>>,
    pub(crate) notices: Vec<Notice>,
    asked: u64,
    ms: u64,
}

impl Node {
    pub(crate) fn new(of: u8) -> Self {
        let everybody = [AUTHORITY, GATE, OTHER_GATE, LAB, OTHER_LAB];
        let identity = Identity {
            key: signing_key(of),
            certificate: certificate(of),
            root: signing_key(ROOT).verifying_key(),
            epoch: Epoch(1),
            seed: [of; 32],
            issuers: Vec::new(),
        };
        let signed = Signed { certificates: everybody.map(certificate).to_vec(), ..Signed::default() };
        let replica = Replica::restore(identity, Held { signed, ..Held::default() }).unwrap();
        let (tables, disk, notices) = (MemoryTables::default(), Vec::new(), Vec::new());
        Self { replica, tables, disk, notices, asked: 0, ms: 0 }
    }

    /// Moves this node's clock.
    pub(crate) fn wait_ms(&mut self, ms: u64) {
        self.ms += ms;
    }

    fn run(&mut self, input: Input) -> Option<Result<Reply, Refusal>> {
        let mut inputs = std::collections::VecDeque::from([input]);
        let mut reply = None;
        while let Some(input) = inputs.pop_front() {
            self.ms += 1;
            self.replica.handle(Now { mono: Mono(self.ms), wall: Wall(MORNING.0 + self.ms) }, input);
            while let Some(output) = self.replica.next_output() {
                match output {
                    Output::Persist { request, chunk, .. } => {
                        let arrival = self.keep(chunk);
                        inputs.push_back(Input::Persisted { request, result: Ok(arrival) });
                        inputs.push_back(Input::Indexed { through: arrival });
                    }
                    Output::Load { request, query } => {
                        inputs.push_back(Input::Loaded { request, answer: answer(&self.tables, &query) });
                    }
                    Output::Reply { result, .. } => reply = Some(result),
                    Output::Notice(notice) => self.notices.push(notice),
                    Output::Send { .. }
                    | Output::Admit { .. }
                    | Output::Close { .. }
                    | Output::Withdraw { .. }
                    | Output::Keep { .. }
                    | Output::Release { .. }
                    | Output::Renew { .. }
                    | Output::Renewed { .. }
                    | Output::Imported { .. }
                    | Output::Remember { .. } => {}
                }
            }
        }
        reply
    }

    fn keep(&mut self, chunk: Vec<u8>) -> Arrival {
        self.disk.push(chunk.clone());
        let arrival = Arrival(self.disk.len() as u64);
        let opened = SealedChunk::parse(chunk).unwrap().open().unwrap();
        let role_of = |node: &NodeKey| (AUTHORITY..=OTHER_LAB).find(|of| key(*of) == *node).map(role);
        let window_ms = self.replica.knowledge().policy.duplicate_window_s * MS_PER_S;
        let mut batch = Batch::new(&self.tables);
        let rules = Rules { window_ms, role_of: &role_of, keys_max: usize::MAX, prunes: true };
        project::apply(&mut batch, &opened, arrival, &rules).unwrap();
        let writes = batch.into_writes();
        self.tables.apply(writes);
        arrival
    }

    /// Asks for something, as a person at this node does.
    pub(crate) fn ask(&mut self, command: Command) -> Result<Reply, Refusal> {
        self.asked += 1;
        let request = RequestId(self.asked);
        self.run(Input::Command { request, command: Box::new(command) }).expect("every command is answered")
    }

    /// Asks, and expects it to be done.
    pub(crate) fn does(&mut self, command: Command) -> Reply {
        self.ask(command.clone()).unwrap_or_else(|refusal| panic!("{command:?}: {refusal}"))
    }

    /// Registers somebody, and expects a registration.
    pub(crate) fn registers(&mut self, command: Command) -> Verdict {
        let Reply::Verdict(verdict) = self.does(command) else { panic!("a registration is answered by a verdict") };
        assert!(verdict.registration.is_some(), "{verdict:?}");
        *verdict
    }

    /// Hears everything another node holds, in the order given; what it holds already is passed over.
    pub(crate) fn hear(&mut self, other: &Self) {
        for chunk in other.disk.clone() {
            self.run(Input::Import { request: None, carried: Carried::Chunk(chunk) });
        }
    }

    pub(crate) fn tube(&self, code: &str) -> TubeView {
        let subject = Subject::Tube(code.parse().unwrap());
        let facts = project::document_facts(&self.tables, &subject).unwrap();
        Document::build(subject, facts, &|_| true).tube_view(&|_, _| None).unwrap()
    }

    pub(crate) fn flags(&self, kind: FlagKind) -> Vec<Flag> {
        project::flags(&self.tables, Some(kind), 100).unwrap()
    }

    /// Registrations written anywhere that this node holds in its log, corrected or not.
    pub(crate) fn people_in_log(&self) -> Vec<Person> {
        let chunks = self.disk.iter().map(|chunk| SealedChunk::parse(chunk.clone()).unwrap().open().unwrap());
        let facts = chunks.flat_map(|chunk| chunk.entries);
        let mut people: Vec<Person> = facts
            .filter_map(|entry| match swabmesh_protocol::fact::Fact::from_bytes(&entry.fact) {
                Ok(swabmesh_protocol::fact::Fact::Registered(fact)) => Some(fact.person),
                Ok(_) | Err(_) => None,
            })
            .collect();
        people.sort_unstable();
        people
    }
}

pub(crate) fn barcode(code: &str) -> Barcode {
    code.parse().unwrap()
}

pub(crate) fn operator() -> Operator {
    Text::new("op1").unwrap()
}

pub(crate) fn why() -> Remark {
    Text::new("as the supervisor says").unwrap()
}
