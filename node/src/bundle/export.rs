//! A bundle is made from the tables, beside the core.

use swabmesh_protocol::bundle::{self, WriteError};
use swabmesh_protocol::replica::Replica;
use swabmesh_protocol::restore;
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

/// Makes a bundle of what a node holds.
///
/// # Errors
/// [`ExportError`] when not even its beginning can be made; later errors come in the stream.
pub async fn export(node: &NodeHandle, member: &Membership, ask: ExportBundle) -> Result<Export, ExportError> {
    node.settle(SETTLES_WITHIN).await?;
    let maker = node.inspect(Replica::bundle_maker).await?;
    let (view, made) = (node.view().clone(), clock::wall());
    let mut signed = vec![member.certificate_bytes.clone(), member.authority_bytes.clone()];
    let (pieces, export) = mpsc::channel(RECORDS_QUEUE);
    tokio::task::spawn_blocking(move || {
        let writing = restore::certificates(&view).and_then(|kept| {
            signed.extend(kept);
            bundle::export(&view, &maker, signed, made, ask.into())
        });
        let writing = match writing {
            Ok(writing) => writing,
            Err(error) => return drop(pieces.blocking_send(Err(error.into()))),
        };
        for piece in writing {
            // Whoever asked may have gone.
            if pieces.blocking_send(piece).is_err() {
                return;
            }
        }
    });
    Ok(export)
}
