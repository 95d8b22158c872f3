//! A bundle as a node makes it: who asks for what, and what its maker knows that the tables do not say.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::VerifyingKey;

use super::{Aim, Manifest, Wish, Writing, plan};
use crate::certificate::Certificate;
use crate::exchange::session::Session;
use crate::fact::Role;
use crate::frontier::Lanes;
use crate::id::{Epoch, FeedId, Lane, NodeKey, SeqNo};
use crate::project;
use crate::time::Wall;
use crate::view::{View, ViewError};

/// What somebody wants in a bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// Whom for. Absent: for the authority, and at the authority for everybody.
    pub to: Option<Aim>,
    /// Leave out what the authority has signed for; goes without saying in a bundle for the authority.
    pub since_receipts: bool,
    /// Only these cells, and what concerns the whole city. None: all that the maker follows.
    pub cells: Vec<Lane>,
    /// What the reader holds already: only what lies above goes in.
    pub held: BTreeMap<FeedId, SeqNo>,
}

impl Ask {
    /// The answer to a bundle: what its maker follows and does not hold.
    #[must_use]
    pub fn answering(manifest: &Manifest) -> Self {
        let cells = manifest.lanes.clone().unwrap_or_default();
        let held = manifest.held.iter().copied().collect();
        Self { to: Some(Aim::All), since_receipts: false, cells, held }
    }
}

/// The node that makes a bundle, see [`crate::replica::Replica::bundle_maker`].
#[derive(Debug, Clone)]
pub struct Maker {
    /// Its certificate.
    pub own: Certificate,
    /// The root of its city.
    pub root: VerifyingKey,
    /// The lifetime of its store.
    pub epoch: Epoch,
    /// The authority, once it is known.
    pub authority: Option<NodeKey>,
    /// Up to where another node is known to hold each own feed.
    pub neighbour: BTreeMap<FeedId, SeqNo>,
}

/// Begins the bundle that somebody asks a node for.
///
/// `signed` are the certificates at hand as the root signed them; those in the log are found there. Of each node whose
/// feed goes along, and of the maker, the newest goes along. `made` is the maker's clock.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn export<'v, V: View>(
    view: &'v V,
    maker: &Maker,
    signed: Vec<Vec<u8>>,
    made: Wall,
    ask: Ask,
) -> Result<Writing<'v, V>, ViewError> {
    let Maker { own, root, epoch, authority, neighbour } = maker;
    let aim = ask.to.unwrap_or(if own.role == Role::Authority { Aim::All } else { Aim::Authority });
    let follows = Session::lanes(own);
    let asked =
        if ask.cells.is_empty() { Lanes::All } else { Lanes::Of(ask.cells.into_iter().chain([Lane::CITY]).collect()) };
    let wish = Wish {
        lanes: follows.common(&asked),
        above_receipts: ask.since_receipts || aim == Aim::Authority,
        without: authority.filter(|_| aim == Aim::Authority),
        first: *authority,
        held: ask.held,
    };
    let planned = plan(view, &wish, neighbour)?;
    let heads = project::quarantine::named_heads(view)?.into_iter();
    let held = heads.filter(|(_, record)| follows.contains(record.header.lane));
    let held = held.map(|(name, record)| (name, record.height)).collect();
    let lanes = match follows {
        Lanes::All => None,
        Lanes::Of(lanes) => Some(lanes.into_iter().collect()),
    };
    let all = certificates(view, root, signed)?;
    let writers = planned.iter().map(|planned| planned.line.header.writer).chain([own.node]);
    let writers: BTreeSet<NodeKey> = writers.collect();
    let certificates = writers.iter().filter_map(|writer| all.get(writer)).map(|(_, bytes)| bytes.clone()).collect();
    let (root, maker, epoch, lines) = (NodeKey(root.to_bytes()), own.node, *epoch, Vec::new());
    let manifest = Manifest { root, maker, epoch, made, aim, lanes, held, lines };
    Ok(Writing::new(view, manifest, planned, certificates))
}

/// The newest certificate of each node, as the root signed it, with its serial.
fn certificates<V: View>(
    view: &V,
    root: &VerifyingKey,
    signed: Vec<Vec<u8>>,
) -> Result<BTreeMap<NodeKey, (u32, Vec<u8>)>, ViewError> {
    let told = project::control(view)?.into_iter().filter_map(|(_, fact)| fact.into_certificate());
    let mut newest: BTreeMap<NodeKey, (u32, Vec<u8>)> = BTreeMap::new();
    for bytes in signed.into_iter().chain(told) {
        let Ok(certificate) = Certificate::open(&bytes, root) else { continue };
        let held = newest.entry(certificate.node).or_default();
        if held.1.is_empty() || held.0 < certificate.serial {
            *held = (certificate.serial, bytes);
        }
    }
    Ok(newest)
}
