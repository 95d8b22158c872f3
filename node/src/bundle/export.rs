//! A bundle is made from the tables, beside the core.

use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;
use swabmesh_protocol::bundle::{Aim, Manifest, Planned, Wish, WriteError, Writing, plan};
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::exchange::session::Session;
use swabmesh_protocol::fact::{Fact, Role};
use swabmesh_protocol::frontier::Lanes;
use swabmesh_protocol::id::{FeedId, Lane, NodeKey, SeqNo};
use swabmesh_protocol::replica::Replica;
use swabmesh_protocol::view::{View, ViewError};
use swabmesh_protocol::{project, restore};
use tokio::sync::mpsc;

use super::SETTLES_WITHIN;
use crate::api::ExportBundle;
use crate::clock;
use crate::enrolment::Membership;
use crate::runtime::{NodeHandle, Stopping};

/// Records that may wait for whoever reads the export.
const RECORDS_QUEUE: usize = 4;

/// Why there is no bundle. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The node is stopping.
    #[error(transparent)]
    Stopping(#[from] Stopping),
    /// The bundle cannot be made.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The pieces of a bundle, in order. One that ends without an error is whole.
pub type Export = mpsc::Receiver<Result<Vec<u8>, WriteError>>;

/// What the core knows that the tables do not say.
struct Known {
    neighbour: BTreeMap<FeedId, SeqNo>,
    authority: Option<NodeKey>,
}

impl Known {
    fn of(replica: &Replica) -> Self {
        let authority = replica.enrolled().find(|certificate| certificate.role == Role::Authority);
        Self { neighbour: replica.neighbour_marks(), authority: authority.map(|certificate| certificate.node) }
    }
}

/// Makes a bundle of what a node holds.
///
/// # Errors
/// [`ExportError`] when not even its beginning can be made; later errors come in the stream.
pub async fn export(node: &NodeHandle, member: &Membership, ask: ExportBundle) -> Result<Export, ExportError> {
    node.settle(SETTLES_WITHIN).await?;
    let known = node.inspect(Known::of).await?;
    let (view, own, root) = (node.view().clone(), member.certificate.clone(), member.root);
    let signed = vec![member.certificate_bytes.clone(), member.authority_bytes.clone()];
    let epoch = node.snapshot().core.epoch;
    let made = clock::wall();
    let (pieces, export) = mpsc::channel(RECORDS_QUEUE);
    tokio::task::spawn_blocking(move || {
        let prepared = prepare(&view, &own, &root, signed, &known, ask).map_err(WriteError::from);
        let Prepared { aim, lanes, planned, held, certificates } = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return drop(pieces.blocking_send(Err(error))),
        };
        let (root, lines) = (NodeKey(root.to_bytes()), Vec::new());
        let manifest = Manifest { root, maker: own.node, epoch, made, aim, lanes, held, lines };
        for piece in Writing::new(&view, manifest, planned, certificates) {
            // Whoever asked may have gone.
            if pieces.blocking_send(piece).is_err() {
                return;
            }
        }
    });
    Ok(export)
}

/// What goes into a bundle.
struct Prepared {
    aim: Aim,
    lanes: Option<Vec<Lane>>,
    planned: Vec<Planned>,
    held: Vec<(FeedId, SeqNo)>,
    certificates: Vec<Vec<u8>>,
}

fn prepare<V: View>(
    view: &V,
    own: &Certificate,
    root: &VerifyingKey,
    signed: Vec<Vec<u8>>,
    known: &Known,
    ask: ExportBundle,
) -> Result<Prepared, ViewError> {
    let aim = ask.to.unwrap_or(if own.role == Role::Authority { Aim::All } else { Aim::Authority });
    let follows = Session::lanes(own);
    let asked =
        if ask.cells.is_empty() { Lanes::All } else { Lanes::Of(ask.cells.into_iter().chain([Lane::CITY]).collect()) };
    let wish = Wish {
        lanes: follows.common(&asked),
        above_receipts: ask.since_receipts || aim == Aim::Authority,
        without: known.authority.filter(|_| aim == Aim::Authority),
        first: known.authority,
        held: ask.held.into_iter().map(|held| (held.feed, held.seq)).collect(),
    };
    let planned = plan(view, &wish, &known.neighbour)?;
    let heads = project::quarantine::named_heads(view)?.into_iter();
    let held = heads.filter(|(_, record)| follows.contains(record.header.lane));
    let held = held.map(|(name, record)| (name, record.height)).collect();
    let lanes = match follows {
        Lanes::All => None,
        Lanes::Of(lanes) => Some(lanes.into_iter().collect()),
    };
    let all = certificates(view, root, signed)?;
    let writers = planned.iter().map(|planned| planned.line.header.writer).chain([own.node]);
    let writers: std::collections::BTreeSet<NodeKey> = writers.collect();
    let certificates = writers.iter().filter_map(|writer| all.get(writer)).map(|(_, bytes)| bytes.clone()).collect();
    Ok(Prepared { aim, lanes, planned, held, certificates })
}

/// The newest certificate of each node, as the root signed it, with its serial.
fn certificates<V: View>(
    view: &V,
    root: &VerifyingKey,
    signed: Vec<Vec<u8>>,
) -> Result<BTreeMap<NodeKey, (u32, Vec<u8>)>, ViewError> {
    let told = project::control(view)?.into_iter().filter_map(|(_, fact)| {
        if let Fact::Enrolled(enrolled) = fact { Some(enrolled.certificate.into()) } else { None }
    });
    let mut newest: BTreeMap<NodeKey, (u32, Vec<u8>)> = BTreeMap::new();
    for bytes in signed.into_iter().chain(restore::certificates(view)?).chain(told) {
        let Ok(certificate) = Certificate::open(&bytes, root) else { continue };
        let held = newest.entry(certificate.node).or_default();
        if held.1.is_empty() || held.0 < certificate.serial {
            *held = (certificate.serial, bytes);
        }
    }
    Ok(newest)
}
