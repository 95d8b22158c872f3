//! The contract between the core and whoever runs it: one input, then drain the outputs.

use crate::certificate::CertificateError;
use crate::command::{Command, Refusal, Reply};
use crate::id::{Barcode, EntryId, Epoch, FeedId, Hash, NodeKey, Person, SeqNo};
use crate::merge::MergeRefusal;
use crate::time::{Mono, Stamp};
use crate::tube::DocumentFact;

/// Correlates an output with the input that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// One connection to a peer, named by the runner; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Place of a chunk in this store's own arrival order; the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Arrival(#[n(0)] pub u64);

/// Everything that can happen to a node.
#[derive(Debug)]
pub enum Input {
    /// A connection stands; the handshake proved the peer's key.
    Connected {
        /// Names the connection from now on.
        link: LinkId,
        /// Who is at the other end.
        peer: NodeKey,
        /// Whether we dialled: the dialler speaks first.
        dialled: bool,
    },
    /// A connection is gone.
    Disconnected {
        /// Which.
        link: LinkId,
    },
    /// A frame arrived. Raw bytes: the trust boundary is `merge`.
    Frame {
        /// On which connection.
        link: LinkId,
        /// At most [`crate::limits::FRAME_BYTES_MAX`].
        bytes: Vec<u8>,
    },
    /// A chunk is on disk, synced.
    Persisted {
        /// The output it answers.
        request: RequestId,
        /// Its place in the arrival order, or why it is not on disk.
        result: Result<Arrival, PersistError>,
    },
    /// The tables reflect all chunks up to here.
    Indexed {
        /// The last chunk reflected.
        through: Arrival,
    },
    /// What was asked of the store.
    Loaded {
        /// The output it answers.
        request: RequestId,
        /// What was found.
        answer: Answer,
    },
    /// Somebody at this node wants something.
    Command {
        /// Correlates the reply.
        request: RequestId,
        /// What.
        command: Box<Command>,
    },
    /// Something came by another way than a connection: from a bundle, or found in the journal.
    Import {
        /// Answered with [`Output::Imported`], if somebody waits for the outcome.
        request: Option<RequestId>,
        /// Raw bytes, like a frame's.
        carried: Carried,
    },
    /// The deadline of [`crate::replica::Replica::next_deadline`] has come.
    DeadlineReached,
}

/// What bundles carry, as it travels; nothing of it was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// A certificate, or something that says it is.
    Certificate(Vec<u8>),
    /// A chunk of somebody's feed.
    Chunk(Vec<u8>),
}

/// What came of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It is held now: a chunk is on disk.
    Taken,
    /// It was held already.
    Known,
}

/// Why something carried was not taken. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImportRefusal {
    /// The chunk did not become part of the log.
    #[error(transparent)]
    Chunk(#[from] MergeRefusal),
    /// The certificate is not of our root.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Our disk is at fault.
    #[error(transparent)]
    Disk(#[from] PersistError),
}

/// Everything a node does, in the order it must be done.
#[derive(Debug)]
pub enum Output {
    /// Send a frame.
    Send {
        /// On which connection.
        link: LinkId,
        /// At most [`crate::limits::FRAME_BYTES_MAX`].
        bytes: Vec<u8>,
    },
    /// A peer that was on probation showed a valid certificate.
    Admit {
        /// The connection.
        link: LinkId,
        /// The peer, to be admitted at once next time.
        peer: NodeKey,
    },
    /// Close a connection.
    Close {
        /// Which.
        link: LinkId,
        /// Why; goes to the log and the counters.
        reason: CloseReason,
    },
    /// A node was withdrawn: close its connections, once what was given to send has left, and refuse new ones.
    Withdraw {
        /// Which.
        peer: NodeKey,
    },
    /// Append a chunk to the journal and sync it, then answer with [`Input::Persisted`].
    Persist {
        /// Correlates the answer.
        request: RequestId,
        /// The chunk as it travels.
        chunk: Vec<u8>,
        /// Whether we wrote it: kept twice until receipted.
        own: bool,
    },
    /// Append a certificate to the journal, before any chunk of its node; nothing waits for it.
    ///
    /// Without it a restart could meet a chunk of that node and not know who wrote it.
    Keep {
        /// Whose.
        node: NodeKey,
        /// As the root signed it.
        certificate: Vec<u8>,
    },
    /// Read, and answer with [`Input::Loaded`].
    Load {
        /// Correlates the answer.
        request: RequestId,
        /// What.
        query: Query,
    },
    /// Chunks of ours up to here are receipted by the authority.
    Release {
        /// The last such chunk.
        through: Arrival,
    },
    /// Remember how far a peer's arrival order was seen; losing it costs one comparison.
    Remember {
        /// The peer.
        peer: NodeKey,
        /// The lifetime of its store.
        epoch: Epoch,
        /// The arrival seen last.
        through: u64,
    },
    /// From now on the store's lifetime is another one: write it down, synced, before anything that follows (rule N5).
    Renew {
        /// The new epoch.
        epoch: Epoch,
    },
    /// The root signed this node a newer certificate: use it from the next start on.
    Renewed {
        /// As the root signed it.
        certificate: Vec<u8>,
    },
    /// The answer to a command.
    Reply {
        /// The command.
        request: RequestId,
        /// What came of it.
        result: Result<Reply, Refusal>,
    },
    /// What came of an import: held durably, or refused.
    Imported {
        /// The import.
        request: RequestId,
        /// What came of it.
        result: Result<Imported, ImportRefusal>,
    },
    /// Worth a line in the log and a counter.
    Notice(Notice),
}

/// Why a chunk is not on disk. Our disk is at fault; the chunk counts as never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PersistError {
    /// No room: registrations are refused until there is.
    #[error("the disk is full: free some space; everything shown as accepted is safe")]
    Full,
    /// The write failed.
    #[error("the disk does not take writes: everything shown as accepted before is safe; move to another machine")]
    Failed,
    /// Too much is waiting to be written.
    #[error("the disk is too slow: try again in a moment")]
    Busy,
}

/// What the core asks of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// A chunk of a feed from this number on, ending on a checkpoint, at most `bytes_max` packed.
    Range {
        /// The feed.
        feed: FeedId,
        /// The first number wanted.
        from: SeqNo,
        /// The last number wanted; the chunk ends on the first checkpoint from there on.
        to: SeqNo,
        /// Bytes the peer takes at a time.
        bytes_max: usize,
    },
    /// What a desk must know before it decides.
    Desk {
        /// Whose registrations, and from when on.
        person: Option<(Person, Stamp)>,
        /// Which tubes and boxes.
        subjects: Vec<crate::fact::Subject>,
    },
    /// Where a chunk of a peer leaves the history that is here.
    Diverge {
        /// As it travels.
        chunk: Vec<u8>,
        /// Why it was asked for, if a chunk before it did not prove what it showed.
        parting: Option<crate::fork::Parting>,
    },
    /// Which history the pages of a feed hold above a cut.
    Cut {
        /// The feed.
        feed: FeedId,
        /// The first entry that does not stand.
        from: SeqNo,
    },
    /// People's codes in the authority's registry.
    Registry {
        /// Whose; nobody twice.
        persons: Vec<Person>,
    },
}

/// What the tables said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Answers [`Query::Range`]; `None` when the tables do not reach that far yet, or no longer.
    Range(Option<Vec<u8>>),
    /// Answers [`Query::Desk`].
    Desk {
        /// The chunks the tables reflected.
        through: Arrival,
        /// Newest last, at most [`crate::limits::PRIOR_MAX`].
        prior: Vec<Prior>,
        /// The facts of each document asked for, in the order asked.
        documents: Vec<Vec<DocumentFact>>,
    },
    /// Answers [`Query::Diverge`].
    Diverges(crate::fork::Divergence),
    /// Answers [`Query::Cut`]: hashes of the entry before the cut and of the one after; `None` when the tables do not
    /// reach the cut yet.
    Cut(Option<(Hash, Hash)>),
    /// Answers [`Query::Registry`].
    Registry {
        /// The chunks the tables reflected.
        through: Arrival,
        /// Each person's latest code of each kind that was not revoked, in the order of the persons asked for.
        issued: Vec<crate::fact::Issued>,
    },
    /// The tables could not be read.
    Failed,
}

/// An earlier registration of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prior {
    /// The registration.
    pub registration: EntryId,
    /// Where: the node that wrote it.
    pub site: NodeKey,
    /// When.
    pub stamp: Stamp,
    /// Into which tube.
    pub tube: Barcode,
    /// By whom.
    pub operator: crate::fact::Operator,
    /// With which code.
    pub code: Option<crate::id::CodeId>,
}

/// Why the core closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum CloseReason {
    /// Not a frame of this protocol.
    #[error("sent something that is not a frame of this protocol")]
    BadFrame,
    /// No common protocol version.
    #[error("speaks no version of the protocol that we speak")]
    Version,
    /// No valid certificate of our root.
    #[error("showed no valid certificate of our authority")]
    NoCertificate,
    /// Withdrawn by the authority.
    #[error("was withdrawn by the authority")]
    Withdrawn,
    /// Sent a chunk whose signature does not hold.
    #[error("sent a chunk that does not verify")]
    BadChunk,
    /// Sent what was not asked for, or more than agreed.
    #[error("sent more than was asked for")]
    Flood,
    /// Our own disk does not take what it sends.
    #[error("sends more than this node's disk takes at the moment")]
    OurDisk,
    /// Nothing moved although something was asked for.
    #[error("did not answer what was asked of it")]
    Stalled,
}

/// Why the core wants to be called at a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadlineReason {
    /// Tell peers what is new.
    Announce,
    /// Sign for what arrived.
    Receipt,
    /// Compare frontiers again.
    Compare,
    /// See whether an answer is overdue.
    Stall,
    /// Show that the status lists are alive.
    StatusSign,
    /// Tell that a registration is held nowhere else yet.
    Acknowledge,
}

/// Something worth knowing that is not an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A chunk was refused.
    ChunkRefused {
        /// Who sent it.
        peer: NodeKey,
        /// Why.
        reason: MergeRefusal,
    },
    /// A feed has two histories, and it is proved, or cannot be proved from what is here.
    Fork {
        /// The feed.
        feed: FeedId,
        /// Where they part at the latest.
        seq: SeqNo,
    },
    /// This node's own feed goes on elsewhere: its store was restored or cloned. It goes on in a new epoch.
    Restored {
        /// The feed that it leaves.
        feed: FeedId,
        /// The last entry of it that is here.
        here: SeqNo,
        /// The last entry of it that a peer holds.
        there: SeqNo,
    },
    /// A peer says that it holds more of this node's own feed, and too many said so today without showing it: not believed.
    Unproved {
        /// The feed.
        feed: FeedId,
        /// The last entry of it that is here.
        here: SeqNo,
        /// The last entry of it that the peer says it holds.
        there: SeqNo,
    },
    /// A session and its peer hold the same: roots were equal.
    InSync {
        /// The peer.
        peer: NodeKey,
    },
    /// A fact above its writer's role was kept and not applied.
    AboveRole {
        /// The entry.
        entry: EntryId,
    },
    /// A fact that this version cannot read was kept and not applied.
    Unreadable {
        /// The entry.
        entry: EntryId,
    },
}

/// A moment and why it matters.
pub type Deadline = (Mono, DeadlineReason);
