//! The files of the pages, embedded: HTML, style, script, texts.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::hex;

/// One file.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

/// Names each file once: its path on the node, its type, where it lies.
macro_rules! assets {
    ($($path:literal, $content_type:ident, $file:literal;)*) => {
        const ASSETS: &[Asset] = &[$(
            Asset { path: $path, content_type: $content_type, bytes: include_bytes!(concat!("../assets/", $file)) },
        )*];
    };
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

assets! {
    "/site", HTML, "desk.html";
    "/lab", HTML, "lab.html";
    "/board", HTML, "board.html";
    "/assets/desk.css", STYLE, "desk.css";
    "/assets/verdict.css", STYLE, "verdict.css";
    "/assets/lab.css", STYLE, "lab.css";
    "/assets/board.css", STYLE, "board.css";
    "/assets/print.css", STYLE, "print.css";
    "/assets/icon.svg", SVG, "icon.svg";
    "/assets/desk.js", SCRIPT, "desk.js";
    "/assets/node.js", SCRIPT, "node.js";
    "/assets/text.js", SCRIPT, "text.js";
    "/assets/text/zh.js", SCRIPT, "text/zh.js";
    "/assets/text/en.js", SCRIPT, "text/en.js";
    "/assets/elements.js", SCRIPT, "elements.js";
    "/assets/state.js", SCRIPT, "state.js";
    "/assets/sign-in.js", SCRIPT, "sign-in.js";
    "/assets/scanner.js", SCRIPT, "scanner.js";
    "/assets/queue.js", SCRIPT, "queue.js";
    "/assets/verdict.js", SCRIPT, "verdict.js";
    "/assets/sound.js", SCRIPT, "sound.js";
    "/assets/tube.js", SCRIPT, "tube.js";
    "/assets/recent.js", SCRIPT, "recent.js";
    "/assets/documents.js", SCRIPT, "documents.js";
    "/assets/camera.js", SCRIPT, "camera.js";
    "/assets/picture.js", SCRIPT, "picture.js";
    "/assets/safety.js", SCRIPT, "safety.js";
    "/assets/inbox.js", SCRIPT, "inbox.js";
    "/assets/tools.js", SCRIPT, "tools.js";
    "/assets/boxes.js", SCRIPT, "boxes.js";
    "/assets/count.js", SCRIPT, "count.js";
    "/assets/day.js", SCRIPT, "day.js";
    "/assets/print.js", SCRIPT, "print.js";
    "/assets/bundle.js", SCRIPT, "bundle.js";
    "/assets/screen.js", SCRIPT, "screen.js";
    "/assets/board.js", SCRIPT, "board.js";
    "/assets/lab.js", SCRIPT, "lab.js";
    "/assets/lab/arrival.js", SCRIPT, "lab/arrival.js";
    "/assets/lab/batch.js", SCRIPT, "lab/batch.js";
    "/assets/lab/key.js", SCRIPT, "lab/key.js";
    "/assets/lab/reading.js", SCRIPT, "lab/reading.js";
}

/// A route for each file; `/` is the page of the node's role.
pub(crate) fn routes(role: Role) -> Router {
    let own = if role == Role::Lab { "/lab" } else { "/site" };
    ASSETS.iter().fold(Router::new(), |routes, asset| {
        let tag = hex(Sha256::digest(asset.bytes).get(..8).unwrap_or_default());
        let path = if asset.path == own { "/" } else { asset.path };
        routes.route(path, get(move |headers: HeaderMap| async move { send(asset, &tag, &headers) }))
    })
}

/// Sends a file, or says that the browser has it.
fn send(asset: &Asset, tag: &str, headers: &HeaderMap) -> Response {
    let tag = format!("\"{tag}\"");
    let has = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if has { StatusCode::NOT_MODIFIED.into_response() } else { asset.bytes.into_response() };
    let sent = response.headers_mut();
    sent.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    // Asked for anew each time, so that a page never runs with the script of an older program.
    sent.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        sent.insert(header::ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use swabmesh_protocol::verify::Reason;

    use super::*;

    /// Bytes that a tablet loads before anybody can register.
    const PAGE_BYTES_MAX: usize = 200 * 1024;

    fn text(path: &str) -> &'static str {
        let asset = ASSETS.iter().find(|asset| asset.path == path).unwrap();
        std::str::from_utf8(asset.bytes).unwrap()
    }

    /// The keys of a table of texts: one a line, `"key": …`.
    fn keys(path: &str) -> BTreeSet<&'static str> {
        let lines = text(path).lines().map(str::trim_start).filter(|line| line.starts_with('"'));
        lines.filter_map(|line| line.split('"').nth(1)).collect()
    }

    #[test]
    fn the_page_weighs_no_more_than_it_may() {
        let bytes: usize = ASSETS.iter().map(|asset| asset.bytes.len()).sum();
        assert!(bytes <= PAGE_BYTES_MAX, "{bytes} bytes");
    }

    #[test]
    fn both_languages_say_the_same_things() {
        let (chinese, english) = (keys("/assets/text/zh.js"), keys("/assets/text/en.js"));
        let only: Vec<&&str> = chinese.symmetric_difference(&english).collect();
        assert!(only.is_empty() && chinese.len() > 100, "{only:?}");
    }

    #[test]
    fn every_reason_of_a_verdict_has_words_and_a_next_step() {
        let keys = keys("/assets/text/zh.js");
        for reason in Reason::ALL {
            for of in ["reason", "next"] {
                let key = format!("{of}.{}", reason.name());
                assert!(keys.contains(key.as_str()), "{key}");
            }
        }
    }

    #[test]
    fn nothing_in_a_page_needs_an_exception_from_the_policy() {
        for asset in ASSETS.iter().filter(|asset| asset.content_type == HTML) {
            let page = text(asset.path);
            for banned in [" style=", " onclick", "<style", "javascript:", "http://", "https://"] {
                assert!(!page.contains(banned), "{}: {banned}", asset.path);
            }
            assert_eq!(page.matches("<script").count(), page.matches("<script type=\"module\" src=").count());
        }
    }

    #[tokio::test]
    async fn a_browser_that_has_a_file_is_told_so() {
        let asset = &ASSETS[0];
        let fresh = send(asset, "ab", &HeaderMap::new());
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, fresh.headers()[header::ETAG].clone());
        assert_eq!(send(asset, "ab", &headers).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(send(asset, "cd", &headers).status(), StatusCode::OK);
    }
}
