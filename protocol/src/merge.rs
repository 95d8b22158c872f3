//! The boundary where chunks of peers come in.

/// Why a peer's chunk was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MergeRefusal {}
