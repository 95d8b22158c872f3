//! The directory of a node, for commands that work on its files and need no running node.

use std::path::PathBuf;

use clap::Args;
use swabmesh_node::home::Home;

use crate::client::DATA_DEFAULT;

/// Which directory, and how answers are printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// The node's directory
    #[arg(long, value_name = "DIR", env = "SWABMESH_DATA", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

impl Place {
    /// The directory, as a node's. Says what to do when it is none.
    pub(crate) fn home(&self) -> anyhow::Result<Home> {
        let home = Home::at(&self.data);
        home.config([])?;
        Ok(home)
    }
}
