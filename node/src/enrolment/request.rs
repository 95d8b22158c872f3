//! A site or a laboratory asks to join.

use swabmesh_protocol::enrolment::JoinRequest;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::id::NodeKey;

use super::EnrolError;
use crate::config::Config;
use crate::durable::{self, Access};
use crate::home::Home;
use crate::keys::Signing;

/// A request that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The node's key.
    pub node: NodeKey,
    /// The text to carry to the authority.
    pub text: String,
}

/// Makes the directory and the keys of a new node, and its request.
///
/// # Errors
/// [`EnrolError::Home`] when there is a node already; others when a file cannot be written.
pub fn ask(home: &Home, config: &Config) -> Result<Asked, EnrolError> {
    home.make()?;
    let keys = home.keys();
    // Made again after it was cut off: keys that exist are kept.
    let key = keys.signing(Signing::Node).or_else(|_| keys.make_signing(Signing::Node))?;
    let seal_key = keys.seal().map(|(_, public)| public).or_else(|_| keys.make_seal())?;
    keys.token().map(drop).or_else(|_| keys.make_token())?;
    let node = node_key(&key);
    let request =
        JoinRequest { node, role: config.role, name: config.name.clone(), lane: config.cell, seal_key: seal_key.0 };
    let text = request.to_text(&key);
    durable::replace(&home.request(), text.as_bytes(), Access::Public)?;
    home.settle(config)?;
    Ok(Asked { node, text })
}
