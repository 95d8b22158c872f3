//! Codes in pictures: frames of the camera, and files dropped or pasted. Pictures are looked at and forgotten.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use swabmesh_node::http::body::Asked;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::picture::read::{PictureError, codes_in_bytes, codes_in_frame};

use crate::Pages;
use crate::guard::SignedIn;

/// What was read.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    texts: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Size {
    width: u32,
    height: u32,
}

/// Looks at a grey frame, one byte a pixel; nothing found is an answer.
pub(super) async fn frame(
    State(pages): State<Pages>,
    _who: SignedIn,
    Asked(Size { width, height }): Asked<Size>,
    pixels: Bytes,
) -> Result<Json<Found>, Problem> {
    look(&pages, move || codes_in_frame(width, height, &pixels)).await
}

/// Looks at a PNG or JPEG file.
pub(super) async fn file(State(pages): State<Pages>, _who: SignedIn, picture: Bytes) -> Result<Json<Found>, Problem> {
    look(&pages, move || codes_in_bytes(&picture)).await
}

async fn look(
    pages: &Pages,
    work: impl FnOnce() -> Result<Vec<String>, PictureError> + Send + 'static,
) -> Result<Json<Found>, Problem> {
    let slot = pages.frames.clone().acquire_owned().await.map_err(|closed| Problem::internal(&closed))?;
    let looked = tokio::task::spawn_blocking(move || {
        let found = work();
        drop(slot);
        found
    });
    match looked.await.map_err(|panicked| Problem::internal(&panicked))? {
        Ok(texts) => Ok(Json(Found { texts })),
        Err(PictureError::NoCode | PictureError::DecoderFailed) => Ok(Json(Found { texts: Vec::new() })),
        Err(error) => {
            let text = error.to_string();
            let (what, todo) = text.split_once(": ").unwrap_or((&text, "Take it again."));
            Err(Problem::malformed(what, todo))
        }
    }
}
