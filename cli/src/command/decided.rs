//! Why and by whom something is put right, for every command that takes nothing back silently (R6).

use clap::Args;
use swabmesh_protocol::fact::{Operator, Remark};

use crate::client::Connection;

/// What every correction names.
#[derive(Debug, Args)]
pub(super) struct Decided {
    /// Why
    #[arg(long)]
    pub(super) reason: Remark,
    /// Who
    #[arg(long, env = "SWABMESH_OPERATOR")]
    pub(super) operator: Operator,
    #[command(flatten)]
    pub(super) connection: Connection,
}
