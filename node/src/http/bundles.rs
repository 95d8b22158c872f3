//! Bundles: exported and imported as streams of bytes (`application/octet-stream`).

use axum::Json;
use axum::body::Body as Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{StreamExt, once, unfold};
use swabmesh_protocol::bundle::WriteError;
use swabmesh_protocol::command::Refusal;

use super::Shell;
use super::body::Body;
use super::problem::Problem;
use crate::api::{ExportBundle, ImportReport};
use crate::bundle::{ExportError, ImportError, Importer, export as begin};

/// The media type of a bundle.
const MEDIA_TYPE: &str = "application/octet-stream";

/// Sends the bundle of a node that asks for nothing in particular.
///
/// # Errors
/// A [`Problem`]: nothing was sent.
pub async fn plain(State(shell): State<Shell>) -> Result<Response, Problem> {
    stream(&shell, ExportBundle::default()).await
}

pub(super) async fn export(State(shell): State<Shell>, Body(ask): Body<ExportBundle>) -> Result<Response, Problem> {
    stream(&shell, ask).await
}

async fn stream(shell: &Shell, ask: ExportBundle) -> Result<Response, Problem> {
    let mut pieces = begin(&shell.node, &shell.member, ask).await?;
    // What fails at once is a problem; what fails later breaks the answer off, and the end of the bundle is missing.
    let first = match pieces.recv().await {
        Some(Ok(first)) => first,
        Some(Err(error)) => return Err(ExportError::from(error).into()),
        None => return Err(Refusal::Store.into()),
    };
    let rest = unfold(pieces, async |mut pieces| Some((pieces.recv().await?, pieces)));
    let body = Bytes::from_stream(once(async { Ok(first) }).chain(rest));
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response())
}

/// Takes in a bundle as it comes; the answer is given when everything taken is durable.
///
/// # Errors
/// A [`Problem`]: what was taken until then stays.
pub async fn import(State(shell): State<Shell>, body: Bytes) -> Result<Json<ImportReport>, Problem> {
    let mut importer = Importer::new(shell.node.clone(), shell.member.root);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            Problem::malformed(
                format!("the bundle broke off on its way here: {error}"),
                "Send it again: what was taken stays, and nothing is taken twice.",
            )
        })?;
        importer.push(&piece).await?;
    }
    Ok(Json(importer.finish().await?))
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Stopping(_) => Refusal::Busy.into(),
            ExportError::Write(WriteError::View(error)) => error.into(),
            ExportError::Write(error) => {
                let what = error.to_string();
                let (what, what_to_do) = what.split_once(": ").unwrap_or((&what, "Export again."));
                Self::new(StatusCode::CONFLICT, "bundle-not-made", what, what_to_do)
            }
        }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        let what_to_do = match &error {
            ImportError::Stopping(_) => return Refusal::Busy.into(),
            ImportError::Disk(error) => return Refusal::Disk(*error).into(),
            ImportError::OtherRoot { .. } => "Bring it to a node of its own authority.",
            ImportError::NotABundle => "Check which file this is; bundles end in .swab.",
        };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bundle", error.to_string(), what_to_do)
    }
}
