//! The shelf: texts of codes that were issued, to be given out again.
//!
//! The log says which codes there are; the shelf only saves signing again. What it lost is issued anew, and the code
//! before dies, as with every renewal.

use minicbor::{Decode, Encode};
use swabmesh_protocol::cbor::Order as KeyOrder;
use swabmesh_protocol::code::OfKind;
use swabmesh_protocol::code::text;
use swabmesh_protocol::cose::Sign1;
use swabmesh_protocol::id::{CodeId, Person};
use swabmesh_protocol::project;
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::trust::{KeyStatus, Purpose, TrustList};
use swabmesh_protocol::view::{View, ViewError};

use crate::registry::{Registry, RegistryError, Row, Rows};

/// A text on the shelf.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Shelved {
    /// The code.
    #[n(0)]
    pub code: CodeId,
    /// Since when.
    #[n(1)]
    pub issued_at: Wall,
    /// Until when.
    #[n(2)]
    pub expires_at: Wall,
    /// Id of the key that signed it.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    kid: Vec<u8>,
    /// The phone of a live credential, the guardian of a relative's code; else nothing.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    bound_to: Vec<u8>,
    /// The code without prefix and base45.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    bytes: Vec<u8>,
}

/// What besides the person makes a code theirs.
#[must_use]
pub fn bound_to(of_kind: &OfKind) -> Vec<u8> {
    match of_kind {
        OfKind::Static | OfKind::Paper { .. } => Vec::new(),
        OfKind::Relative { guardian, .. } => guardian.0.to_vec(),
        OfKind::Live { device } => device.to_vec(),
    }
}

/// Where a person's text of a kind stands.
#[must_use]
pub fn key(person: Person, kind: u8) -> Vec<u8> {
    [person.0.as_slice(), &[kind]].concat()
}

impl Shelved {
    /// A text that was just issued; `None` if it is none, which the core never answers.
    #[must_use]
    pub fn new(text: &str, code: CodeId, times: (Wall, Wall), of_kind: &OfKind) -> Option<Self> {
        let bytes = text::decode_base45(text.strip_prefix(text::PREFIX)?)?;
        let kid = Sign1::parse(&bytes, KeyOrder::Any).ok()?.header.kid?.to_vec();
        let (issued_at, expires_at) = times;
        Some(Self { code, issued_at, expires_at, kid, bound_to: bound_to(of_kind), bytes })
    }

    /// The row that puts it on the shelf.
    #[must_use]
    pub fn row(&self, person: Person, kind: u8) -> Row {
        Row::put(Rows::Texts, key(person, kind), self)
    }

    /// The text of the QR code.
    #[must_use]
    pub fn text(&self) -> String {
        text::encode(&self.bytes)
    }

    /// Whether it would be accepted at a site now and is what was asked for.
    ///
    /// The tables follow the log by milliseconds: a code they do not know yet was issued just now.
    fn stands<V: View>(&self, view: &V, order: &super::Order, at: &Judged<'_>) -> Result<bool, ViewError> {
        let signed = at.trust.with_kid(Purpose::Codes, &self.kid);
        let mut signers = signed.filter(|key| matches!(key.status, KeyStatus::Active | KeyStatus::Retired));
        if self.expires_at <= at.now || self.bound_to != bound_to(&order.of_kind) || signers.next().is_none() {
            return Ok(false);
        }
        if project::code(view, &self.code)?.is_some_and(|record| record.revoked) {
            return Ok(false);
        }
        let kind = order.of_kind.kind().number();
        let mut newer = project::issued(view, &order.person)?.into_iter().filter(|issued| issued.kind == kind);
        Ok(!newer.any(|issued| issued.code != self.code && issued.issued_at > self.issued_at))
    }
}

/// What a text on the shelf is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The time.
    pub now: Wall,
    /// Keys in force.
    pub trust: &'a TrustList,
}

/// The text that an order can be answered with, if there is one. May wait for the disk.
///
/// # Errors
/// [`RegistryError`]; tables that cannot be read leave the shelf unused.
pub fn find<V: View>(
    registry: &Registry,
    view: &V,
    order: &super::Order,
    at: &Judged<'_>,
) -> Result<Option<Shelved>, RegistryError> {
    let key = key(order.person, order.of_kind.kind().number());
    let Some(shelved) = registry.get::<Shelved>(Rows::Texts, &key)? else { return Ok(None) };
    let stands = shelved.stands(view, order, at);
    Ok(stands.unwrap_or(false).then_some(shelved))
}
