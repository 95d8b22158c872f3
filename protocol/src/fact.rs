//! What can be said in the log: a closed, versioned set of typed facts.
//!
//! On the wire a fact is the CBOR array `[kind, body]`, the body an array of fields in the order of the
//! struct; absent fields at the end are left out. Nothing is ever erased by a later fact.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Decoder, Encode, Encoder};
use serde::{Deserialize, Serialize};

use crate::id::{Barcode, CodeId, EntryId, FeedHeader, FeedId, Hash, NodeKey, Person, SeqNo};
use crate::limits::FACT_BYTES_MAX;
use crate::text::Text;
use crate::time::Wall;

mod body;
mod forks;
mod pruned;

pub use body::*;
pub use forks::*;
pub use pruned::*;

/// What a node is enrolled as; decides which facts it may state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum Role {
    /// The central authority 市大数据中心.
    #[n(0)]
    Authority,
    /// A sampling site 采样点.
    #[n(1)]
    Site,
    /// A laboratory 检测机构.
    #[n(2)]
    Lab,
}

/// Why bytes are not a fact this version understands. Their writer is at fault or newer; the entry is kept all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FactError {
    /// More bytes than a fact may have.
    #[error("{bytes} bytes; a fact has at most {FACT_BYTES_MAX}")]
    TooLong {
        /// Bytes given.
        bytes: usize,
    },
    /// A kind this version does not know: written by a newer node.
    #[error("kind {kind} is not known to this version")]
    UnknownKind {
        /// The number found.
        kind: u8,
    },
    /// The body does not have the shape of its kind.
    #[error("the body does not have the shape of its kind, near byte {at}")]
    Shape {
        /// Offset where decoding stopped.
        at: usize,
    },
}

/// Declares the closed set: number on the wire, name, and who may state it. One row a fact.
macro_rules! facts {
    ($($(#[$doc:meta])* $number:literal $name:ident [$($role:ident)+];)+) => {
        /// One statement of one node.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(clippy::large_enum_variant, reason = "the proof of a fork is rare, and a fact is soon gone")]
        pub enum Fact {
            $($(#[$doc])* $name($name),)+
        }

        impl Fact {
            /// The kind's number on the wire.
            #[must_use]
            pub const fn kind(&self) -> u8 {
                match self { $(Self::$name(_) => $number,)+ }
            }

            /// The kind's name, for people.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name),)+ }
            }

            /// Whether a node of this role may state it.
            #[must_use]
            pub const fn allowed(&self, role: Role) -> bool {
                match self { $(Self::$name(_) => matches!(role, $(Role::$role)|+),)+ }
            }

            fn encode_body(&self, e: &mut Encoder<Vec<u8>>) {
                // Writing to a vector cannot fail.
                let _ = match self { $(Self::$name(body) => e.encode(body).map(|_| ()),)+ };
            }

            fn decode_body(kind: u8, d: &mut Decoder<'_>) -> Result<Self, FactError> {
                let shape = |error: minicbor::decode::Error| FactError::Shape { at: error.position().unwrap_or(0) };
                match kind {
                    $($number => d.decode::<$name>().map(Self::$name).map_err(shape),)+
                    kind => Err(FactError::UnknownKind { kind }),
                }
            }
        }

        $(impl From<$name> for Fact {
            fn from(body: $name) -> Self {
                Self::$name(body)
            }
        })+
    };
}

facts! {
    /// A tube was opened for sampling.
    0 Opened [Site];
    /// A person was registered into a tube.
    1 Registered [Site];
    /// A registration does not count: wrong person, undone, never sampled.
    2 Voided [Site Authority];
    /// A field of a registration was put right.
    3 Amended [Site Authority];
    /// Registrations belong to another tube than the one they were made in.
    4 Moved [Site Authority];
    /// A tube was closed; nobody should be added any more.
    5 Sealed [Site];
    /// A sealed tube was put in a transport box.
    6 Packed [Site];
    /// A box went to a courier or on to a laboratory.
    7 HandedOver [Site Lab];
    /// A box or a tube arrived.
    8 Received [Lab];
    /// A laboratory read a tube.
    9 Reported [Lab];
    /// A laboratory takes an earlier reading back and states another.
    10 Corrected [Lab];
    /// A person decided a conflict.
    11 Reviewed [Authority];
    /// A node may take part.
    12 Enrolled [Authority];
    /// A node may no longer take part; what it wrote up to the marks stands.
    13 Withdrawn [Authority];
    /// The issuing keys, signed by the root.
    14 Trust [Authority];
    /// The policy, signed by the root.
    15 Policy [Authority];
    /// Codes revoked since the last statement, and how fresh the list is.
    16 Status [Authority];
    /// What the authority holds durably.
    17 Receipt [Authority];
    /// A node told two histories.
    18 ForkProof [Authority Site Lab];
    /// The key of the day that typed details are sealed to.
    19 SealKey [Authority];
    /// A code was issued. Private lane only.
    20 Issued [Authority];
    /// A code was revoked, and why. Private lane only.
    21 Revoked [Authority];
    /// Which history of a forked feed counts.
    22 ForkDecided [Authority];
    /// A sealed tube is filled again: a supervisor's decision.
    23 Reopened [Site];
    /// The beginnings of feeds need not be kept any more.
    24 Pruned [Authority];
}

/// The kinds that belong to no document: who takes part, what is trusted and received, who has a code. A pattern, so
/// that a match over every kind stays one: a new kind of any other sort has to be thought of in each.
macro_rules! in_no_document {
    () => {
        $crate::fact::Fact::Enrolled(_)
            | $crate::fact::Fact::Withdrawn(_)
            | $crate::fact::Fact::Trust(_)
            | $crate::fact::Fact::Policy(_)
            | $crate::fact::Fact::Status(_)
            | $crate::fact::Fact::Receipt(_)
            | $crate::fact::Fact::ForkProof(_)
            | $crate::fact::Fact::ForkDecided(_)
            | $crate::fact::Fact::SealKey(_)
            | $crate::fact::Fact::Issued(_)
            | $crate::fact::Fact::Revoked(_)
            | $crate::fact::Fact::Pruned(_)
    };
}
pub(crate) use in_no_document;

/// The kinds that are in the document of a tube or a box. A pattern like [`in_no_document`].
macro_rules! in_a_document {
    () => {
        $crate::fact::Fact::Opened(_)
            | $crate::fact::Fact::Registered(_)
            | $crate::fact::Fact::Voided(_)
            | $crate::fact::Fact::Amended(_)
            | $crate::fact::Fact::Moved(_)
            | $crate::fact::Fact::Sealed(_)
            | $crate::fact::Fact::Reopened(_)
            | $crate::fact::Fact::Packed(_)
            | $crate::fact::Fact::HandedOver(_)
            | $crate::fact::Fact::Received(_)
            | $crate::fact::Fact::Reported(_)
            | $crate::fact::Fact::Corrected(_)
            | $crate::fact::Fact::Reviewed(_)
    };
}
pub(crate) use in_a_document;

impl Fact {
    /// The bytes that go into an entry.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut e = Encoder::new(Vec::with_capacity(96));
        let _ = e.array(2).and_then(|e| e.u8(self.kind()));
        self.encode_body(&mut e);
        e.into_writer()
    }

    /// Reads the bytes of an entry.
    ///
    /// # Errors
    /// [`FactError`]: too long, of a kind not known here, or not of its kind's shape.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FactError> {
        if bytes.len() > FACT_BYTES_MAX {
            return Err(FactError::TooLong { bytes: bytes.len() });
        }
        let shape = |error: minicbor::decode::Error| FactError::Shape { at: error.position().unwrap_or(0) };
        let mut d = Decoder::new(bytes);
        if d.array().map_err(shape)? != Some(2) {
            return Err(FactError::Shape { at: 0 });
        }
        let kind = d.u8().map_err(shape)?;
        let fact = Self::decode_body(kind, &mut d)?;
        if d.position() == bytes.len() { Ok(fact) } else { Err(FactError::Shape { at: d.position() }) }
    }

    /// The documents the fact belongs to: none, a tube, a box, or the two tubes of a move.
    #[must_use]
    pub fn subjects(&self) -> Vec<Subject> {
        match self {
            Self::Opened(Opened { tube, .. })
            | Self::Registered(Registered { tube, .. })
            | Self::Voided(Voided { tube, .. })
            | Self::Amended(Amended { tube, .. })
            | Self::Sealed(Sealed { tube, .. })
            | Self::Reopened(Reopened { tube, .. })
            | Self::Reported(Reported { tube, .. })
            | Self::Corrected(Corrected { tube, .. }) => vec![Subject::Tube(tube.clone())],
            Self::Moved(Moved { from, to, .. }) => vec![Subject::Tube(from.clone()), Subject::Tube(to.clone())],
            Self::Packed(Packed { tube, transport, .. }) => {
                vec![Subject::Tube(tube.clone()), Subject::Box(transport.clone())]
            }
            Self::HandedOver(HandedOver { transport, .. }) => vec![Subject::Box(transport.clone())],
            Self::Received(Received { subject, .. }) | Self::Reviewed(Reviewed { subject, .. }) => {
                vec![subject.clone()]
            }
            in_no_document!() => Vec::new(),
        }
    }

    /// The certificate of whoever it enrols, as the root signed it.
    #[must_use]
    pub fn into_certificate(self) -> Option<Vec<u8>> {
        if let Self::Enrolled(enrolled) = self { Some(enrolled.certificate.into()) } else { None }
    }

    /// The entries of other feeds the writer had seen in the documents it speaks of.
    #[must_use]
    pub fn seen(&self) -> &[EntryId] {
        match self {
            Self::Opened(Opened { seen, .. })
            | Self::Registered(Registered { seen, .. })
            | Self::Voided(Voided { seen, .. })
            | Self::Amended(Amended { seen, .. })
            | Self::Moved(Moved { seen, .. })
            | Self::Sealed(Sealed { seen, .. })
            | Self::Reopened(Reopened { seen, .. })
            | Self::Packed(Packed { seen, .. })
            | Self::HandedOver(HandedOver { seen, .. })
            | Self::Received(Received { seen, .. })
            | Self::Reported(Reported { seen, .. })
            | Self::Corrected(Corrected { seen, .. })
            | Self::Reviewed(Reviewed { seen, .. }) => seen.as_deref().unwrap_or(&[]),
            in_no_document!() => &[],
        }
    }

    /// Who said it, as their site or laboratory names them; nobody for what belongs to no document.
    #[must_use]
    pub const fn operator(&self) -> Option<&Operator> {
        match self {
            Self::Opened(Opened { operator, .. })
            | Self::Registered(Registered { operator, .. })
            | Self::Voided(Voided { operator, .. })
            | Self::Amended(Amended { operator, .. })
            | Self::Moved(Moved { operator, .. })
            | Self::Sealed(Sealed { operator, .. })
            | Self::Reopened(Reopened { operator, .. })
            | Self::Packed(Packed { operator, .. })
            | Self::HandedOver(HandedOver { operator, .. })
            | Self::Received(Received { operator, .. })
            | Self::Reported(Reported { operator, .. })
            | Self::Corrected(Corrected { operator, .. })
            | Self::Reviewed(Reviewed { operator, .. }) => Some(operator),
            in_no_document!() => None,
        }
    }
}

#[cfg(test)]
mod tests;
