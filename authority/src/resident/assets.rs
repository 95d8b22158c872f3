//! The files of the page, embedded, and the worker that keeps them for when there is no network.

use std::sync::LazyLock;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use swabmesh_protocol::id::hex;

/// One file.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

/// Names each file once: its path, its type, where it lies.
macro_rules! assets {
    ($($path:literal, $content_type:ident, $file:literal;)*) => {
        const ASSETS: &[Asset] = &[$(
            Asset { path: $path, content_type: $content_type, text: include_str!(concat!("../../assets/resident/", $file)) },
        )*];
    };
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const MANIFEST: &str = "application/manifest+json";

assets! {
    "/resident", HTML, "resident.html";
    "/resident/assets/resident.css", STYLE, "resident.css";
    "/resident/assets/icon.svg", SVG, "icon.svg";
    "/resident/assets/manifest.json", MANIFEST, "manifest.json";
    "/resident/assets/resident.js", SCRIPT, "resident.js";
    "/resident/assets/authority.js", SCRIPT, "authority.js";
    "/resident/assets/base45.js", SCRIPT, "base45.js";
    "/resident/assets/card.js", SCRIPT, "card.js";
    "/resident/assets/code.js", SCRIPT, "code.js";
    "/resident/assets/elements.js", SCRIPT, "elements.js";
    "/resident/assets/kept.js", SCRIPT, "kept.js";
    "/resident/assets/live.js", SCRIPT, "live.js";
    "/resident/assets/presentation.js", SCRIPT, "presentation.js";
    "/resident/assets/qr.js", SCRIPT, "qr.js";
    "/resident/assets/relatives.js", SCRIPT, "relatives.js";
    "/resident/assets/results.js", SCRIPT, "results.js";
    "/resident/assets/sign-in.js", SCRIPT, "sign-in.js";
    "/resident/assets/text.js", SCRIPT, "text.js";
    "/resident/assets/text/zh.js", SCRIPT, "text/zh.js";
    "/resident/assets/text/en.js", SCRIPT, "text/en.js";
}

/// What the worker does; which files it keeps is put before it.
const WORKER: &str = include_str!("../../assets/resident/worker.js");

/// The worker's header that lets it serve the page itself, which is above its own directory.
const ALLOWED: HeaderName = HeaderName::from_static("service-worker-allowed");

/// The worker of this program: other files make it another one, which replaces the one before as a whole.
static WORKER_TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new_with_prefix(WORKER);
    ASSETS.iter().for_each(|asset| hash.update(asset.text));
    let version = hex(hash.finalize().get(..8).unwrap_or_default());
    let paths: Vec<String> = ASSETS.iter().map(|asset| format!("\"{}\"", asset.path)).collect();
    format!("const VERSION = \"{version}\";\nconst SHELL = [{}];\n{WORKER}", paths.join(", "))
});

/// A route for each file.
pub(super) fn routes() -> Router {
    let files = ASSETS.iter().fold(Router::new(), |routes, asset| {
        let tag = hex(Sha256::digest(asset.text).get(..8).unwrap_or_default());
        routes.route(asset.path, get(move |headers: HeaderMap| async move { send(asset, &tag, &headers) }))
    });
    files
        .route("/resident/worker.js", get(worker))
        .route("/resident/", get(|| async { Redirect::permanent("/resident") }))
}

/// Sends a file, or says that the browser has it.
fn send(asset: &Asset, tag: &str, headers: &HeaderMap) -> Response {
    let tag = format!("\"{tag}\"");
    let has = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if has { StatusCode::NOT_MODIFIED.into_response() } else { asset.text.into_response() };
    let sent = response.headers_mut();
    sent.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    // Asked for anew each time, so that a page never runs with the script of an older program.
    sent.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        sent.insert(header::ETAG, tag);
    }
    response
}

async fn worker() -> Response {
    let headers = [(header::CONTENT_TYPE, SCRIPT), (header::CACHE_CONTROL, "no-cache"), (ALLOWED, "/resident")];
    std::future::ready((headers, WORKER_TEXT.as_str()).into_response()).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Bytes that a phone loads before it shows a code: 2 s over 384 kbit/s.
    const PAGE_BYTES_MAX: usize = 96 * 1024;

    fn text(path: &str) -> &'static str {
        ASSETS.iter().find(|asset| asset.path == path).unwrap().text
    }

    /// The keys of a table of texts: one a line, `"key": …`.
    fn keys(path: &str) -> BTreeSet<&'static str> {
        let lines = text(path).lines().map(str::trim_start).filter(|line| line.starts_with('"'));
        lines.filter_map(|line| line.split('"').nth(1)).collect()
    }

    #[test]
    fn the_page_weighs_no_more_than_it_may() {
        let bytes: usize = ASSETS.iter().map(|asset| asset.text.len()).sum();
        assert!(bytes <= PAGE_BYTES_MAX, "{bytes} bytes");
    }

    #[test]
    fn both_languages_say_the_same_things() {
        let (chinese, english) = (keys("/resident/assets/text/zh.js"), keys("/resident/assets/text/en.js"));
        let only: Vec<&&str> = chinese.symmetric_difference(&english).collect();
        assert!(only.is_empty() && chinese.len() > 50, "{only:?}");
    }

    #[test]
    fn nothing_in_the_page_needs_an_exception_from_the_policy() {
        let page = text("/resident");
        for banned in [" style=", " onclick", "<style", "javascript:", "http://", "https://"] {
            assert!(!page.contains(banned), "{banned}");
        }
        assert_eq!(page.matches("<script").count(), page.matches("<script type=\"module\" src=").count());
    }

    #[test]
    fn the_worker_keeps_every_file_that_a_script_of_the_page_imports() {
        for asset in ASSETS.iter().filter(|asset| asset.content_type == SCRIPT) {
            for import in asset.text.lines().filter_map(|line| line.split("from \"./").nth(1)) {
                let file = import.split('"').next().unwrap();
                let path = format!("\"/resident/assets/{file}\"");
                assert!(WORKER_TEXT.contains(&path), "{}: {file}", asset.path);
            }
        }
    }
}
