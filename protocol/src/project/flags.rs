//! What needs a person's decision: each flag is a row with an owner and a state.
//!
//! A pure function of the set of entries (and of the window): two replicas that hold the same entries hold the
//! same rows, byte for byte, whatever came first. Nothing is removed when it is settled, except that two
//! laboratories may come to agree.
//!
//! Table `Flags`; the value of kinds 1 to 7 is the CBOR array state, owner, parties.
//!
//! | key | flag |
//! |---|---|
//! | 1, person (16 bytes), smaller entry (24), larger entry (24) | [`FlagKind::Duplicate`] |
//! | 2, barcode, 0 (1) | [`FlagKind::OpenedTwice`] |
//! | 3, barcode, 0 | [`FlagKind::PositiveTube`] |
//! | 4, barcode, 0 | [`FlagKind::DifferingResults`] |
//! | 5, entry (24) | [`FlagKind::AboveRole`] |
//! | 6, entry (24) | [`FlagKind::Unreadable`] |
//! | 7, barcode, 0 | [`FlagKind::SealedTwice`] |
//! | from 0x80 | not flags: what they follow from |

use minicbor::{Decode, Encode};
use serde::Serialize;

use super::row::{self, Rest, damaged, entry_key};
use crate::id::{Barcode, EntryId, NodeKey, Person};
use crate::time::{Stamp, Wall};
use crate::view::{Batch, Table, View, ViewError};

pub(super) mod duplicates;
pub(super) mod tubes;

/// Parties named in one flag.
const PARTIES_MAX: usize = 8;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlagKind {
    /// One person was registered twice inside the window (R3).
    Duplicate = 1,
    /// Two nodes opened one tube (R4).
    OpenedTwice = 2,
    /// A laboratory found a tube positive (T3).
    PositiveTube = 3,
    /// Two laboratories read one tube differently (T2).
    DifferingResults = 4,
    /// A node stated what its role may not; the fact was applied to nothing.
    AboveRole = 5,
    /// A fact this version cannot read; applied to nothing.
    Unreadable = 6,
    /// Two nodes sealed one tube (R4).
    SealedTwice = 7,
}

impl FlagKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Duplicate,
        Self::OpenedTwice,
        Self::PositiveTube,
        Self::DifferingResults,
        Self::AboveRole,
        Self::Unreadable,
        Self::SealedTwice,
    ];
}

/// How far a flag is dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum FlagState {
    /// Somebody must look.
    #[n(0)]
    Open,
    /// Whoever caused it saw the warning and went on.
    #[n(1)]
    Seen,
    /// Voided, corrected or reviewed.
    #[n(2)]
    Settled,
}

/// Who must decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// The authority's reviewers.
    #[n(0)]
    Authority,
    /// The node whose own doing it is.
    #[n(1)]
    Node(#[n(0)] NodeKey),
}

/// What a flag is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// A person.
    Person(Person),
    /// A tube.
    Tube(Barcode),
    /// An entry.
    Entry(EntryId),
}

/// An entry that has part in a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Party {
    /// When, as its writer claims.
    #[n(0)]
    pub at: Wall,
    /// The entry.
    #[n(1)]
    pub entry: EntryId,
    /// Its writer.
    #[n(2)]
    pub writer: NodeKey,
}

/// Something a person must decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flag {
    /// What is wrong.
    pub kind: FlagKind,
    /// What it is about.
    pub about: About,
    /// How far it is dealt with.
    pub state: FlagState,
    /// Who must decide.
    pub owner: Owner,
    /// The entries that have part in it: at least one, at most eight, the earliest first.
    pub parties: Vec<Party>,
}

/// The value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct Content {
    #[n(0)]
    state: FlagState,
    #[n(1)]
    owner: Owner,
    #[n(2)]
    parties: Vec<Party>,
}

fn key(kind: FlagKind, rest: &[u8]) -> Vec<u8> {
    [&[kind as u8], rest].concat()
}

fn raise<V: View>(batch: &mut Batch<'_, V>, key: Vec<u8>, content: &Content) {
    batch.put(Table::Flags, key, row::encode(content));
}

/// Flags a fact that is kept and applied to nothing.
pub(super) fn unapplied<V: View>(
    batch: &mut Batch<'_, V>,
    kind: FlagKind,
    (id, stamp, writer): (EntryId, Stamp, NodeKey),
) {
    let parties = vec![Party { at: stamp.wall(), entry: id, writer }];
    let content = Content { state: FlagState::Open, owner: Owner::Authority, parties };
    raise(batch, key(kind, &entry_key(id)), &content);
}

/// Takes such a flag back.
pub(super) fn withdraw<V: View>(batch: &mut Batch<'_, V>, kind: FlagKind, id: EntryId) {
    batch.remove(Table::Flags, key(kind, &entry_key(id)));
}

fn read(kind: FlagKind, key: &[u8], value: &[u8]) -> Option<Flag> {
    let mut rest = Rest(key.get(1..)?);
    let about = match kind {
        FlagKind::Duplicate => About::Person(rest.person()?),
        FlagKind::OpenedTwice | FlagKind::PositiveTube | FlagKind::DifferingResults | FlagKind::SealedTwice => {
            About::Tube(rest.text()?.parse().ok()?)
        }
        FlagKind::AboveRole | FlagKind::Unreadable => About::Entry(rest.entry()?),
    };
    let Content { state, owner, parties } = row::decode(Table::Flags, value).ok()?;
    Some(Flag { kind, about, state, owner, parties })
}

/// Reads flags of one kind, or of all kinds one after the other, settled ones too; at most `limit`.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn flags<V: View>(view: &V, kind: Option<FlagKind>, limit: usize) -> Result<Vec<Flag>, ViewError> {
    let mut flags = Vec::new();
    for kind in FlagKind::ALL.into_iter().filter(|each| kind.is_none_or(|kind| kind == *each)) {
        let rows = view.scan_prefix(Table::Flags, &[kind as u8], limit - flags.len())?;
        for (key, value) in rows {
            flags.push(read(kind, &key, &value).ok_or_else(|| damaged(Table::Flags))?);
        }
    }
    Ok(flags)
}
