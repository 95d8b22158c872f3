//! Whole nodes without a network or a disk: replicas, tables in memory, and frames handed over one by one.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what the tests build is what they expect")]

use std::collections::{BTreeMap, VecDeque};

use ed25519_dalek::SigningKey;
use swabmesh_protocol::answer::answer;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::chunk::SealedChunk;
use swabmesh_protocol::command::{Command, Published, Refusal, Reply};
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::{Fact, Role};
use swabmesh_protocol::id::{Epoch, Lane, NodeKey};
use swabmesh_protocol::io::{Arrival, Input, LinkId, Notice, Output, RequestId};
use swabmesh_protocol::project::{self, Placed, Rules};
use swabmesh_protocol::replica::{Identity, Replica, Signed, Status};
use swabmesh_protocol::restore;
use swabmesh_protocol::roster::Standing;
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::{Mono, Now, Wall};
use swabmesh_protocol::view::{Batch, MemoryTables, Row, Table, View};

pub(crate) const ROOT: u8 = 1;
pub(crate) const AUTHORITY: u8 = 2;
pub(crate) const CELL: Lane = Lane(1);
pub(crate) const MORNING: u64 = 1_649_433_600_000;

pub(crate) fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

pub(crate) fn node(n: u8) -> NodeKey {
    node_key(&key(n))
}

pub(crate) fn certificate(n: u8, serial: u32, until: u64) -> Vec<u8> {
    certificate_from(n, serial, 0, until)
}

pub(crate) fn certificate_from(n: u8, serial: u32, from: u64, until: u64) -> Vec<u8> {
    let (role, lane) = if n == AUTHORITY { (Role::Authority, Lane::CITY) } else { (Role::Site, CELL) };
    let name = Text::truncated(&format!("node {n}"));
    Certificate { node: node(n), role, name, lane, serial, from, until }.sign(&key(ROOT))
}

/// What lies on a machine's disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    pub(crate) tables: MemoryTables,
    pub(crate) journal: Vec<Vec<u8>>,
    pub(crate) epoch: Option<Epoch>,
}

/// A running node.
pub(crate) struct Machine {
    pub(crate) n: u8,
    pub(crate) replica: Replica,
    pub(crate) disk: Disk,
    pub(crate) replies: BTreeMap<RequestId, Result<Reply, Refusal>>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) renewed: Vec<Vec<u8>>,
    pub(crate) withdrawn: Vec<NodeKey>,
    /// Its disk says that something is written only after everything else of the moment has happened.
    pub(crate) slow_disk: bool,
    late: Vec<Input>,
    sent: VecDeque<(LinkId, Vec<u8>)>,
    closed: Vec<LinkId>,
    inputs: VecDeque<Input>,
    commands: u64,
}

impl Machine {
    /// A machine whose disk was never used, or holds what it holds.
    pub(crate) fn start(n: u8, disk: Disk, now_ms: u64) -> Self {
        Self::start_with(n, disk, now_ms, certificate(n, 1, u64::MAX))
    }

    /// The same, joined with this certificate.
    pub(crate) fn start_with(n: u8, disk: Disk, now_ms: u64, certificate: Vec<u8>) -> Self {
        let mut disk = disk;
        let epoch = *disk.epoch.get_or_insert(Epoch(u64::from(n)));
        let identity = Identity {
            key: key(n),
            certificate,
            root: key(ROOT).verifying_key(),
            epoch,
            seed: [n.wrapping_add(u8::try_from(now_ms % 200).unwrap()); 32],
            issuers: (n == AUTHORITY).then(|| key(90)).into_iter().collect(),
        };
        let signed = Signed { certificates: vec![self::certificate(AUTHORITY, 1, u64::MAX)], ..Signed::default() };
        let frames = disk.journal.iter().enumerate().map(|(at, bytes)| (Arrival(at as u64 + 1), bytes.clone()));
        let found = restore::held(&identity, signed, &disk.tables, frames).unwrap();
        let replica = Replica::restore(identity, found.held).unwrap();
        let mut machine = Self {
            n,
            replica,
            disk,
            replies: BTreeMap::new(),
            notices: Vec::new(),
            renewed: Vec::new(),
            withdrawn: Vec::new(),
            slow_disk: false,
            late: Vec::new(),
            sent: VecDeque::new(),
            closed: Vec::new(),
            inputs: VecDeque::new(),
            commands: 0,
        };
        machine.drain();
        machine
    }

    fn now(ms: u64) -> Now {
        Now { mono: Mono(ms), wall: Wall(MORNING + ms) }
    }

    pub(crate) fn handle(&mut self, ms: u64, input: Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            let now = Self::now(ms);
            self.replica.handle(now, input);
            self.drain();
        }
    }

    /// A slow disk says what it has written.
    pub(crate) fn answer_late(&mut self, ms: u64) {
        std::mem::take(&mut self.late).into_iter().for_each(|input| self.handle(ms, input));
    }

    fn drain(&mut self) {
        while let Some(output) = self.replica.next_output() {
            match output {
                Output::Send { link, bytes } => self.sent.push_back((link, bytes)),
                Output::Close { link, .. } => self.closed.push(link),
                Output::Persist { request, chunk, .. } => {
                    let arrival = self.write(chunk);
                    let done = [Input::Persisted { request, result: Ok(arrival) }, Input::Indexed { through: arrival }];
                    if self.slow_disk { self.late.extend(done) } else { self.inputs.extend(done) }
                }
                Output::Keep { certificate, .. } => {
                    self.write(certificate);
                }
                Output::Load { request, query } => {
                    let answer = answer(&self.disk.tables, &query);
                    self.inputs.push_back(Input::Loaded { request, answer });
                }
                Output::Reply { request, result } => {
                    self.replies.insert(request, result);
                }
                Output::Renew { epoch } => self.disk.epoch = Some(epoch),
                Output::Renewed { certificate } => self.renewed.push(certificate),
                Output::Withdraw { peer } => self.withdrawn.push(peer),
                Output::Notice(notice) => self.notices.push(notice),
                Output::Admit { .. } | Output::Release { .. } | Output::Remember { .. } | Output::Imported { .. } => {}
            }
        }
    }

    fn write(&mut self, bytes: Vec<u8>) -> Arrival {
        self.disk.journal.push(bytes.clone());
        let arrival = Arrival(self.disk.journal.len() as u64);
        self.index(bytes, arrival);
        arrival
    }

    /// Brings the tables up to the journal, as a start does when it finds them behind.
    pub(crate) fn catch_up(&mut self, ms: u64) {
        let behind = usize::try_from(project::indexed(&self.disk.tables).unwrap().0).unwrap();
        let frames: Vec<(u64, Vec<u8>)> = (1..).zip(self.disk.journal.clone()).skip(behind).collect();
        for (arrival, bytes) in frames {
            self.index(bytes, Arrival(arrival));
            self.handle(ms, Input::Indexed { through: Arrival(arrival) });
        }
    }

    fn index(&mut self, bytes: Vec<u8>, arrival: Arrival) {
        self.index_in_steps(bytes, arrival, |_| {});
    }

    /// Takes a frame into the tables; `stopped` sees them each time that a batch was full.
    pub(crate) fn index_in_steps(&mut self, bytes: Vec<u8>, arrival: Arrival, mut stopped: impl FnMut(&MemoryTables)) {
        let identity_root = key(ROOT).verifying_key();
        if let Ok(certificate) = Certificate::open(&bytes, &identity_root) {
            self.disk.tables.apply(vec![restore::kept(&certificate.node, bytes)]);
            return;
        }
        let chunk = SealedChunk::parse(bytes).unwrap().reopen().unwrap();
        let role_of = |writer: &NodeKey| match self.replica.standing(writer, &chunk.header.id()) {
            Standing::Enrolled(role) | Standing::WithdrawnAbove(_, role) => Some(role),
            Standing::Unknown => None,
        };
        // Small batches, so that bringing the tables in line with a cut takes many.
        let rules = Rules { window_ms: 60 * 60_000, role_of: &role_of, keys_max: 12, prunes: self.n != AUTHORITY };
        loop {
            let mut batch = Batch::new(&self.disk.tables);
            let projected = project::apply(&mut batch, &chunk, arrival, &rules).unwrap();
            let writes = batch.into_writes();
            self.disk.tables.apply(writes);
            if !matches!(projected.placed, Placed::Partly { .. }) {
                return;
            }
            stopped(&self.disk.tables);
        }
    }

    pub(crate) fn command(&mut self, ms: u64, command: Command) -> Result<Reply, Refusal> {
        self.commands += 1;
        let request = RequestId(self.commands);
        self.handle(ms, Input::Command { request, command: Box::new(command) });
        self.replies.remove(&request).unwrap()
    }

    /// Opens a tube: one entry of the own feed.
    pub(crate) fn open(&mut self, ms: u64, tube: &str) {
        let command = Command::Open { tube: tube.parse().unwrap(), pool: 10, operator: Text::truncated("desk") };
        self.command(ms, command).unwrap();
    }

    pub(crate) fn enrol(&mut self, ms: u64, certificate: Vec<u8>) {
        self.command(ms, Command::Publish(Published::Certificate(certificate))).unwrap();
    }

    pub(crate) fn status(&self, ms: u64) -> Status {
        self.replica.status(Self::now(ms))
    }

    pub(crate) fn rows(&self, table: Table) -> Vec<Row> {
        self.disk.tables.scan(table, &[], &[0xff; 128], usize::MAX).unwrap()
    }

    /// Barcodes of tubes that count.
    pub(crate) fn tubes(&self) -> Vec<String> {
        let subjects = project::subjects(&self.disk.tables, None, 1_000).unwrap();
        let name = |subject| match subject {
            swabmesh_protocol::fact::Subject::Tube(tube) | swabmesh_protocol::fact::Subject::Box(tube) => {
                tube.to_string()
            }
        };
        subjects.into_iter().map(name).collect()
    }

    /// Facts of a kind in its whole log.
    pub(crate) fn facts(&self, of: impl Fn(&Fact) -> bool) -> usize {
        let chunks = self.disk.journal.iter().filter_map(|bytes| SealedChunk::parse(bytes.clone()).ok());
        let entries = chunks.flat_map(|chunk| chunk.reopen().unwrap().entries);
        entries.filter(|entry| Fact::from_bytes(&entry.fact).is_ok_and(|fact| of(&fact))).count()
    }
}

/// Machines and the links between them.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) machines: Vec<Machine>,
    /// Link, one end, other end.
    links: Vec<(LinkId, usize, usize)>,
    pub(crate) ms: u64,
}

impl World {
    /// An authority that enrolled these nodes, and the nodes.
    pub(crate) fn new(nodes: &[u8]) -> Self {
        let mut world = Self::default();
        world.add(AUTHORITY, Disk::default());
        for n in nodes {
            world.join(*n, certificate(*n, 1, u64::MAX));
        }
        world
    }

    /// One more node, enrolled by the authority with this certificate.
    pub(crate) fn join(&mut self, n: u8, certificate: Vec<u8>) -> usize {
        self.machines[0].enrol(self.ms, certificate.clone());
        self.machines.push(Machine::start_with(n, Disk::default(), self.ms, certificate));
        self.machines.len() - 1
    }

    pub(crate) fn add(&mut self, n: u8, disk: Disk) -> usize {
        self.machines.push(Machine::start(n, disk, self.ms));
        self.machines.len() - 1
    }

    pub(crate) fn at(&mut self, place: usize) -> &mut Machine {
        &mut self.machines[place]
    }

    pub(crate) fn connect(&mut self, one: usize, other: usize) {
        let link = LinkId(self.links.len() as u64 + 1 + self.ms);
        self.links.push((link, one, other));
        let (a, b) = (node(self.machines[one].n), node(self.machines[other].n));
        let ms = self.ms;
        self.machines[one].handle(ms, Input::Connected { link, peer: b, dialled: true });
        self.machines[other].handle(ms, Input::Connected { link, peer: a, dialled: false });
    }

    pub(crate) fn disconnect(&mut self) {
        let ms = self.ms;
        for (link, one, other) in std::mem::take(&mut self.links) {
            self.machines[one].handle(ms, Input::Disconnected { link });
            self.machines[other].handle(ms, Input::Disconnected { link });
        }
        self.machines.iter_mut().for_each(|machine| machine.sent.clear());
    }

    /// Hands frames over and lets deadlines come, for this long.
    pub(crate) fn run(&mut self, for_ms: u64) {
        let end = self.ms + for_ms;
        while self.ms < end {
            self.ms += 50;
            self.deliver();
            for machine in &mut self.machines {
                machine.answer_late(self.ms);
            }
            for machine in &mut self.machines {
                if machine.replica.next_deadline().is_some_and(|(at, _)| at.0 <= self.ms) {
                    machine.handle(self.ms, Input::DeadlineReached);
                }
            }
        }
    }

    /// Hands over frames until there are none.
    pub(crate) fn deliver(&mut self) {
        for _ in 0..10_000 {
            let mut moved = false;
            for place in 0..self.machines.len() {
                while let Some((link, bytes)) = self.machines[place].sent.pop_front() {
                    let Some((_, one, other)) = self.links.iter().find(|(of, _, _)| *of == link).copied() else {
                        continue;
                    };
                    let to = if one == place { other } else { one };
                    self.machines[to].handle(self.ms, Input::Frame { link, bytes });
                    moved = true;
                }
            }
            self.close();
            if !moved {
                return;
            }
        }
        unreachable!("frames go back and forth without end");
    }

    fn close(&mut self) {
        let closed: Vec<LinkId> =
            self.machines.iter_mut().flat_map(|machine| std::mem::take(&mut machine.closed)).collect();
        for link in closed {
            if let Some(at) = self.links.iter().position(|(of, _, _)| *of == link) {
                let (_, one, other) = self.links.swap_remove(at);
                let ms = self.ms;
                self.machines[one].handle(ms, Input::Disconnected { link });
                self.machines[other].handle(ms, Input::Disconnected { link });
            }
        }
    }

    /// Says how two machines differ in what counts, if they do.
    pub(crate) fn differ(&self, one: usize, other: usize) -> Option<String> {
        let (one, other) = (&self.machines[one], &self.machines[other]);
        let root = |machine: &Machine| machine.status(self.ms).root;
        if root(one) != root(other) {
            return Some("roots".to_owned());
        }
        let tables = [Table::Documents, Table::People, Table::Flags, Table::Counts];
        tables.into_iter().find(|table| one.rows(*table) != other.rows(*table)).map(|table| format!("{table:?}"))
    }
}
