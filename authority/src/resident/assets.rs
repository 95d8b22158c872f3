//! The files of the page, and the worker that keeps them for when there is no network.

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::Redirect;
use axum::routing::get;
use swabmesh_node::embedded;
use swabmesh_node::page::document::Document;
use swabmesh_node::page::files::{Embedded, Files};

/// Where the files are.
const BELOW: &str = "/resident/assets";

const OWN: Embedded = embedded!["../../assets/resident/":
    "authority.js", "base45.js", "card.js", "code.js", "elements.js", "icon.svg", "kept.js", "live.js",
    "manifest.json", "presentation.js", "qr.js", "relatives.js", "resident.css", "resident.js", "results.js",
    "sign-in.js", "text/en.js", "text/zh.js", "time.js",
];

/// What a browser must know to put the page on a phone's screen.
const HEAD: &str = "<meta name=\"theme-color\" content=\"#0b3d63\">\n\
    <link rel=\"apple-touch-icon\" href=\"/resident/assets/icon.svg\">\n\
    <link rel=\"manifest\" href=\"/resident/assets/manifest.json\">\n";

/// What the worker does; which files it keeps is put before it.
const WORKER: &str = include_str!("../../assets/resident/worker.js");

/// The worker's header that lets it serve the page itself, which is above its own directory.
const ALLOWED: HeaderName = HeaderName::from_static("service-worker-allowed");

fn files() -> Files {
    let page = Document {
        title: "核酸码",
        below: BELOW,
        icon: "icon.svg",
        styles: &["resident.css"],
        script: "resident.js",
        head: HEAD,
        body: include_str!("../../assets/resident/resident.html"),
    };
    Files::scripted(BELOW, OWN).with("/resident", page.html())
}

/// The worker of these files: other files make it another one, which replaces the one before as a whole.
fn worker(files: &Files) -> String {
    let paths: Vec<String> = files.paths().map(|path| format!("\"{path}\"")).collect();
    format!("const VERSION = \"{}\";\nconst SHELL = [{}];\n{WORKER}", files.version(), paths.join(", "))
}

/// A route for each file.
pub(super) fn routes() -> Router {
    let files = files();
    let worker = worker(&files);
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (ALLOWED, "/resident"),
    ];
    files
        .routes()
        .route("/resident/worker.js", get(move || std::future::ready((headers, worker.clone()))))
        .route("/resident/", get(|| async { Redirect::permanent("/resident") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that a phone loads before it shows a code: 2 s over 384 kbit/s.
    const PAGE_BYTES_MAX: usize = 96 * 1024;

    #[test]
    fn the_page_weighs_no_more_than_it_may() {
        let bytes = files().bytes();
        assert!(bytes <= PAGE_BYTES_MAX, "{bytes} bytes");
    }

    #[test]
    fn both_languages_say_the_same_and_nothing_needs_a_missing_file_or_an_exception_from_the_policy() {
        assert_eq!(files().faults(), [] as [&str; 0]);
        assert!(files().words("zh").len() > 50);
    }

    #[test]
    fn the_worker_keeps_every_file_that_a_script_of_the_page_imports() {
        // Every import is one of the files, or it would be a fault.
        let files = files();
        let worker = worker(&files);
        for path in files.paths() {
            assert!(worker.contains(&format!("\"{path}\"")), "{path}");
        }
    }
}
