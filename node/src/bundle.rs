//! Bundles of a running node: exported as a stream, imported as a stream, a few chunks in memory at a time.

mod contents;
mod export;
mod import;
pub mod series;
mod wipe;

pub use contents::{Contents, FeedContents, Registration};
pub use export::{Export, ExportError, export};
pub use import::{ImportError, Importer};
pub use wipe::{Loss, losses};

use std::time::Duration;

use swabmesh_protocol::limits::BUNDLE_SETTLES_MS_MAX;

/// How long a bundle waits until what arrived is written, signed for and shown.
const SETTLES_WITHIN: Duration = Duration::from_millis(BUNDLE_SETTLES_MS_MAX);
