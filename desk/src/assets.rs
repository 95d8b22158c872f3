//! The pages and their files: HTML, style, script, words.

use axum::Router;
use swabmesh_node::embedded;
use swabmesh_node::page::document::Document;
use swabmesh_node::page::files::{Embedded, Files};
use swabmesh_protocol::fact::Role;

/// Where the files are.
const BELOW: &str = "/assets";

const OWN: Embedded = embedded!["../assets/":
    "board.css", "board.js", "boxes.js", "bundle.js", "camera.js", "count.js", "day.js", "desk.css", "desk.js",
    "documents.js", "elements.js", "inbox.js", "lab.css", "lab.js", "lab/arrival.js", "lab/batch.js",
    "lab/key.js", "lab/reading.js", "picture.js", "print.css", "print.js", "queue.js", "recent.js", "safety.js",
    "scanner.js", "screen.js", "sign-in.js", "sound.js", "state.js", "text/en.js", "text/zh.js", "time.js", "tools.js",
    "tube.js", "verdict.css", "verdict.js",
];

/// The bar, signing in, and what opens above the work, around what one role works at.
macro_rules! work {
    ($file:literal) => {
        concat!(include_str!("../assets/bar.html"), include_str!($file), include_str!("../assets/above.html"))
    };
}

/// All files; `/` is the page of the node's role.
fn files(role: Role) -> Files {
    let own = if role == Role::Lab { "/lab" } else { "/site" };
    let pages = [
        ("/site", &["desk.css", "verdict.css", "lab.css", "print.css"][..], "desk.js", work!("../assets/desk.html")),
        ("/lab", &["desk.css", "lab.css", "print.css"], "lab.js", work!("../assets/lab.html")),
        ("/board", &["board.css"], "board.js", include_str!("../assets/board.html")),
    ];
    pages.into_iter().fold(Files::scripted(BELOW, OWN), |files, (path, styles, script, body)| {
        let icon = "page/icon.svg";
        let page = Document { title: "swabmesh", below: BELOW, icon, styles, script, head: "", body };
        files.with(if path == own { "/" } else { path }, page.html())
    })
}

/// A route for each file.
pub(crate) fn routes(role: Role) -> Router {
    files(role).routes()
}

#[cfg(test)]
mod tests {
    use swabmesh_protocol::verify::Reason;

    use super::*;

    /// Bytes that a tablet loads before anybody can register.
    const PAGE_BYTES_MAX: usize = 200 * 1024;

    #[test]
    fn the_page_weighs_no_more_than_it_may() {
        let bytes = files(Role::Site).bytes();
        assert!(bytes <= PAGE_BYTES_MAX, "{bytes} bytes");
    }

    #[test]
    fn both_languages_say_the_same_and_nothing_needs_a_missing_file_or_an_exception_from_the_policy() {
        for role in [Role::Site, Role::Lab] {
            assert_eq!(files(role).faults(), [] as [&str; 0]);
        }
        assert!(files(Role::Site).words("zh").len() > 100);
    }

    #[test]
    fn the_page_of_the_nodes_own_role_is_at_the_top() {
        for (role, own, other) in [(Role::Site, "/site", "/lab"), (Role::Lab, "/lab", "/site")] {
            let files = files(role);
            let paths: Vec<&str> = files.paths().collect();
            assert!(paths.contains(&"/") && paths.contains(&other) && !paths.contains(&own), "{role:?}");
        }
    }

    #[test]
    fn every_reason_of_a_verdict_has_words_and_a_next_step() {
        let files = files(Role::Site);
        let keys = files.words("zh");
        for reason in Reason::ALL {
            for of in ["reason", "next"] {
                let key = format!("{of}.{}", reason.name());
                assert!(keys.contains(key.as_str()), "{key}");
            }
        }
    }
}
