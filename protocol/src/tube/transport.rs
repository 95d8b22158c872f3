//! What people see of a transport box.

use serde::Serialize;

use super::claim::{Author, Claims, Conflict};
use super::key::{self, Key};
use super::view::{Arrival, arrivals, size};
use super::{Document, Health};
use crate::fact::{Fact, Subject};
use crate::id::Barcode;

/// A tube said to be in the box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackedTube {
    /// The tube.
    pub tube: Barcode,
    /// Who packed it; several if several say so.
    pub by: Vec<Author>,
}

/// A box changing hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HandOver {
    /// Tubes counted by hand.
    pub count: u16,
    /// To whom.
    pub to: String,
    /// Who gave it away.
    pub by: Author,
    /// Whether nobody has handed it on since.
    pub newest: bool,
}

/// A hand count that is not the number of tubes packed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Miscount {
    /// Tubes counted by hand.
    pub counted: u16,
    /// Tubes packed, as far as this node knows.
    pub packed: u32,
    /// Who counted.
    pub by: Author,
}

/// One transport box as its document shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BoxView {
    /// The box.
    pub barcode: Barcode,
    /// Tubes in it, by barcode.
    pub tubes: Vec<PackedTube>,
    /// Every hand-over, by stamp.
    pub handed_over: Vec<HandOver>,
    /// Arrivals at laboratories that stand.
    pub received: Vec<Arrival>,
    /// Counts that stand and do not agree with what was packed (R5).
    pub miscounts: Vec<Miscount>,
    /// Everything a person has to decide.
    pub conflicts: Vec<Conflict>,
    /// Facts held back because what their writer had seen is not here yet.
    pub held: u32,
    /// Whether the document could be derived.
    pub health: Health,
}

impl Document {
    /// Shows the box; `None` for a tube.
    #[must_use]
    pub fn box_view(&self) -> Option<BoxView> {
        let barcode = match &self.subject {
            Subject::Box(barcode) => barcode.clone(),
            Subject::Tube(_) => return None,
        };
        let claims = Claims::read(self);
        let packed = claims.iter().filter_map(|(key, claims)| {
            let Key::Packed(tube) = key else { return None };
            Some(PackedTube { tube: tube.clone(), by: claims.iter().map(|claim| claim.by.clone()).collect() })
        });
        let tubes: Vec<PackedTube> = packed.collect();
        let handed_over = self.hand_overs(&claims);
        let received = arrivals(&claims);
        let newest = handed_over.iter().filter(|handed| handed.newest).map(|handed| (handed.count, &handed.by));
        let counts = newest.chain(received.iter().map(|arrival| (arrival.count, &arrival.by)));
        let packed = size(tubes.len());
        let miscounts = counts
            .filter(|(counted, _)| u32::from(*counted) != packed)
            .map(|(counted, by)| Miscount { counted, packed, by: by.clone() })
            .collect();
        Some(BoxView {
            barcode,
            tubes,
            handed_over,
            received,
            miscounts,
            conflicts: claims.conflicts(),
            held: size(self.history.waiting().len()),
            health: self.health,
        })
    }

    /// Every hand-over in the document: those that stand, and those handed on since, which only the facts keep.
    fn hand_overs(&self, claims: &Claims) -> Vec<HandOver> {
        let standing = claims.of(&Key::HandOver).iter().filter_map(|claim| {
            let (count, to) = key::counted(&claim.value)?;
            Some(HandOver { count, to: to.to_owned(), by: claim.by.clone(), newest: true })
        });
        let mut all: Vec<HandOver> = standing.collect();
        for said in self.facts.values().filter(|said| self.history.is_derived(said.id)) {
            let Fact::HandedOver(handed) = &said.fact else { continue };
            if all.iter().all(|known| known.by.entry != said.id) {
                let (count, to) = (handed.count, handed.to.to_string());
                all.push(HandOver { count, to, by: Author::of(said), newest: false });
            }
        }
        all.sort_by_key(|handed| (handed.by.stamp, handed.by.entry));
        all
    }
}
