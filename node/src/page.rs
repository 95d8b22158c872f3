//! What the pages of every role stand on: embedded files, one policy, the people who sign in, cookies and
//! sessions, a bound on guessing.
//!
//! ```text
//! browser ─→ guard (session, CSRF, headers) ─→ the handlers of a role
//!        └─→ files (HTML, style, script, words: embedded, one policy, no inline)
//! ```
//! The scripts and the style that all pages share lie in `node/assets/page`; each page serves them below its own files.

pub mod document;
pub mod files;
pub mod guard;
pub mod operators;
pub mod secret;
pub mod sessions;
pub mod setup;
pub mod tries;
