//! Enrolment, offline: an authority is founded, nodes ask to join it, it admits them, they join.
//!
//! Nothing here needs a running node or a network; texts travel as files, as QR codes, or by hand.

pub mod admit;
pub mod fingerprint;
pub mod found;
pub mod join;
pub mod pending;
pub mod renew;
pub mod request;

use std::path::PathBuf;

use ed25519_dalek::VerifyingKey;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::enrolment::{EnrolmentError, JoinAnswer};
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::NodeKey;
use swabmesh_protocol::person::PersonKey;
use swabmesh_protocol::policy::{Policy, PolicyError};
use swabmesh_protocol::seal::{Purpose, SealError, SealSecret, open_bytes};
use swabmesh_protocol::trust::{TrustError, TrustList};

use self::fingerprint::Fingerprint;
use crate::config::{ConfigError, word_of};
use crate::durable::WriteError;
use crate::home::{Home, HomeError};
use crate::keys::{KeyError, Signing};

/// Seconds a new certificate is dated back: the clock of the node that gets it may be behind.
const DATED_BACK_S: u64 = 86_400;

/// Why somebody did not join. Nothing was changed; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// There is no answer yet.
    #[error(
        "this node has not joined yet: carry {request} to the authority, run `swabmesh authority enrol` on it there, \
         and `swabmesh site join` or `swabmesh lab join` here on the answer"
    )]
    NotJoined {
        /// The node's request.
        request: PathBuf,
    },
    /// The stored answer cannot be read.
    #[error("{path} cannot be read: check its owner and permissions, or join again with the authority's answer")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The text is not a request of a node.
    #[error(
        "this is not a join request that holds ({0}): make it again with `swabmesh site init` or `swabmesh lab init`"
    )]
    Request(#[source] EnrolmentError),
    /// The text is not an answer of an authority.
    #[error("this is not an answer that holds ({0}): scan or copy it again, or ask the authority for another")]
    Answer(#[source] EnrolmentError),
    /// The answer is for another node.
    #[error("this answer is for node {}, and this is node {}: give it to that node, or ask for an answer to this node's own request", short(.other), short(.own))]
    OtherNode {
        /// For which.
        other: NodeKey,
        /// Which this is.
        own: NodeKey,
    },
    /// The answer carries a certificate for another role, or its authority is none.
    #[error(
        "the answer is for the role {}, and this is the role {}: ask the authority for another answer",
        word_of(*.found),
        word_of(*.wanted)
    )]
    Role {
        /// What the answer says.
        found: Role,
        /// What the node is.
        wanted: Role,
    },
    /// The node belongs to another authority.
    #[error(
        "this node belongs to the authority with the fingerprint {held}, the answer is from {offered}: to change authorities, init a new node in another directory"
    )]
    OtherRoot {
        /// The pinned root.
        held: Fingerprint,
        /// The answer's.
        offered: Fingerprint,
    },
    /// The root is not the one that was asked for.
    #[error(
        "the answer's authority has the fingerprint {offered}, not {wanted}: do not join; ask the authority on another way what its fingerprint is"
    )]
    Pin {
        /// What --root says.
        wanted: Fingerprint,
        /// The answer's.
        offered: Fingerprint,
    },
    /// A newer answer was taken before.
    #[error(
        "this answer (certificate {offered}) is older than what this node holds (certificate {held}): use the newest one"
    )]
    Older {
        /// Serial of the certificate held.
        held: u32,
        /// Serial of the one offered.
        offered: u32,
    },
    /// Only authorities admit, and only others.
    #[error(
        "this is the directory of a node of role {}: run this at the authority, or name the authority's directory with --data",
        word_of(*.role)
    )]
    NotTheAuthority {
        /// What it is.
        role: Role,
    },
    /// An authority asks to join.
    #[error("this is the request of an authority, and an authority joins nobody")]
    AuthorityAsks,
    /// The sealed person key does not open.
    #[error("the person key in the answer does not open with this node's seal key: ask the authority for a new answer")]
    PersonKey(#[source] SealError),
    /// Sealing failed.
    #[error("the seal key in the request is not one: make the request again")]
    SealKey(#[source] SealError),
    /// The trust list is not the root's.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The policy is not the root's.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A secret is missing.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The directory is taken.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The configuration does not hold.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// The beginning of a node's key, as people compare it.
fn short(node: &NodeKey) -> String {
    node.to_string().chars().take(8).collect()
}

/// What a node was told when it joined, verified under the pinned root.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The pinned root.
    pub root: VerifyingKey,
    /// What the root says of this node.
    pub certificate: Certificate,
    /// The same as signed.
    pub certificate_bytes: Vec<u8>,
    /// The authority's certificate as signed.
    pub authority_bytes: Vec<u8>,
    /// The trust list as signed.
    pub trust: Vec<u8>,
    /// The policy as signed.
    pub policy: Vec<u8>,
    /// The campaign's person key.
    pub person_key: PersonKey,
    /// Where the authority listens, as multiaddresses.
    pub addresses: Vec<String>,
}

impl Membership {
    /// Reads and verifies what the node of this directory was told.
    ///
    /// # Errors
    /// [`EnrolError::NotJoined`] when it has not joined, others when its files do not hold.
    pub fn open(home: &Home) -> Result<Self, EnrolError> {
        let path = home.answer();
        let text = std::fs::read_to_string(&path).map_err(|source| {
            let missing = source.kind() == std::io::ErrorKind::NotFound;
            let request = home.request();
            if missing { EnrolError::NotJoined { request } } else { EnrolError::Read { path, source } }
        })?;
        Self::read(home, &text)
    }

    /// Verifies an answer for the node of this directory.
    fn read(home: &Home, text: &str) -> Result<Self, EnrolError> {
        let keys = home.keys();
        let own = node_key(&keys.signing(Signing::Node)?);
        let (answer, certificate) = JoinAnswer::from_text(text, &own).map_err(|error| {
            if let EnrolmentError::OtherNode { node: other } = error {
                EnrolError::OtherNode { other, own }
            } else {
                EnrolError::Answer(error)
            }
        })?;
        let root = VerifyingKey::from_bytes(&answer.root.0).map_err(|_| EnrolError::Answer(EnrolmentError::Damaged))?;
        let authority = Certificate::open(&answer.authority, &root)
            .map_err(|error| EnrolError::Answer(EnrolmentError::Certificate(error)))?;
        if authority.role != Role::Authority {
            return Err(EnrolError::Role { found: authority.role, wanted: Role::Authority });
        }
        let (mut trust, mut policy) = (answer.trust.to_vec(), answer.policy.to_vec());
        let (told, told_policy) = (TrustList::open(&trust, &root)?, Policy::open(&policy, &root)?);
        // The authority itself has signed more since it was founded, unless these files are older or of another root.
        if let Ok(signed) = std::fs::read(home.trust())
            && TrustList::open(&signed, &root).is_ok_and(|signed| signed.version() > told.version())
        {
            trust = signed;
        }
        if let Ok(signed) = std::fs::read(home.policy())
            && Policy::open(&signed, &root).is_ok_and(|signed| signed.version > told_policy.version)
        {
            policy = signed;
        }
        let person_key = person_key(&keys.seal()?.0, own, &answer.person_key)?;
        Ok(Self {
            root,
            certificate,
            certificate_bytes: answer.certificate.to_vec(),
            authority_bytes: answer.authority.to_vec(),
            trust,
            policy,
            person_key,
            addresses: answer.addresses,
        })
    }

    /// What people compare before they trust the root.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.root)
    }
}

fn person_key(secret: &SealSecret, own: NodeKey, sealed: &[u8]) -> Result<PersonKey, EnrolError> {
    let plain = open_bytes(secret, &Purpose::PersonKey(own), sealed).map_err(EnrolError::PersonKey)?;
    let bytes = plain.as_slice().try_into().map_err(|_| EnrolError::PersonKey(SealError::Content))?;
    Ok(PersonKey::new(bytes))
}

#[cfg(test)]
mod tests;
