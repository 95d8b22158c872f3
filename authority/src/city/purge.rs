//! Retention: personal details end with the keys of their days, and a report says so that anybody can check (P3).
//!
//! Sealed details lie in the log of the authority, of relays, of neighbours, in bundles and in backups. They are not
//! hunted down: the one key that opens a day's details is destroyed, and with it all of them at once. Whoever doubts
//! the report takes any copy of the log: it names for each day the key's public half and the entry that published it,
//! and a digest over every sealed detail that was looked at.

use std::collections::BTreeSet;

use ed25519_dalek::{Signature, Signer, Verifier, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use swabmesh_node::home::Home;
use swabmesh_node::keys::{Daily, KeyError, Keys, Signing};
use swabmesh_protocol::certificate::{Certificate, CertificateError};
use swabmesh_protocol::fact::{Fact, Role};
use swabmesh_protocol::id::{EntryId, Hash, IdError, Person, SeqNo, hex, unhex};
use swabmesh_protocol::project::{code, control, entries, issued, prior};
use swabmesh_protocol::seal::{SealPublic, SealSecret, details};
use swabmesh_protocol::time::{Stamp, Wall};
use swabmesh_protocol::view::{View, ViewError};

use super::day::Day;
use super::fold::{Roles, feeds};
use super::past::PastReport;
use crate::office::retention::{OfficeReport, RetentionError};
use crate::trial::Trial;

/// What is signed begins with this.
const PREFIX: &str = "swabmesh purge 1\n";

/// Why nothing was destroyed, or no report was made.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// The day is not over.
    #[error("{day} is not over, and its key is still sealed to: name a day that is today or before")]
    NotOver {
        /// Which.
        day: String,
    },
    /// Our own tables.
    #[error(transparent)]
    View(#[from] ViewError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What the office keeps.
    #[error(transparent)]
    Office(#[from] RetentionError),
}

/// One key that was destroyed, or was gone already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestroyedKey {
    /// The day it sealed.
    pub day: String,
    /// Its public half, by which it is known: 64 hexadecimal digits.
    pub public: String,
    /// The entry of the log that published it.
    pub entry: EntryId,
    /// Whether it was destroyed now; otherwise it was gone before.
    pub now: bool,
}

/// What a purge did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The root of the city: 64 hexadecimal digits.
    pub root: String,
    /// Details of days before this one are destroyed.
    pub before: String,
    /// When, milliseconds since 1970 UTC.
    pub at: u64,
    /// The keys of those days that the log knows.
    pub keys: Vec<DestroyedKey>,
    /// Days whose keys are still here.
    pub kept: Vec<String>,
    /// Registrations with sealed details that were made before the day.
    pub sealed: u64,
    /// SHA-256 over them in the order of feeds and numbers: feed (16), number (8, big-endian), SHA-256 of the sealed bytes.
    pub sealed_digest: Hash,
    /// Of those, how many were tried with every key that is left.
    pub tried: u64,
    /// Of those, how many opened. Anything but 0 is a site that sealed to the key of a later day.
    pub opened: u64,
    /// Entries of the log that were looked through.
    pub entries: u64,
    /// What the authority's own office no longer holds; none in reports made before it was part of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office: Option<OfficeReport>,
    /// What every node but the authority no longer keeps of the log; none in reports made before it was part of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<PastReport>,
}

/// A report with what proves whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedReport {
    /// The report as JSON, in the very characters that are signed.
    pub report: String,
    /// The authority's certificate as its root signed it, in hexadecimal.
    pub certificate: String,
    /// Ed25519 by the certificate's node over `swabmesh purge 1`, a line feed, and the report.
    pub signature: String,
}

/// Why a report does not hold.
#[derive(Debug, thiserror::Error)]
pub enum NotProved {
    /// Something is not hexadecimal of the right length.
    #[error(transparent)]
    Hex(#[from] IdError),
    /// The bytes are not hexadecimal.
    #[error("the certificate is not hexadecimal")]
    NotHex,
    /// The certificate is not this root's.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It is not an authority's.
    #[error("the report is signed by a node that is no authority")]
    Role,
    /// The signature does not hold.
    #[error("the signature does not hold: the report was changed")]
    Signature,
    /// Not a report.
    #[error("this is not a purge report: {0}")]
    Shape(#[from] serde_json::Error),
    /// It is of another city.
    #[error("the report is of the city of root {found}")]
    OtherCity {
        /// Whose.
        found: String,
    },
}

/// Whether the log still needs somebody to be known: they hold a valid code, or were registered since a day.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn in_use<V: View>(view: &V, person: Person, since: Day, now: Wall) -> Result<bool, ViewError> {
    for held in issued(view, &person)?.iter().filter(|held| held.expires_at > now) {
        if code(view, &held.code)?.is_some_and(|record| !record.revoked) {
            return Ok(true);
        }
    }
    Ok(!prior(view, &person, Stamp::default().next(Wall(since.start_ms())), 1)?.is_empty())
}

/// Refuses a day that is not over.
///
/// # Errors
/// [`PurgeError::NotOver`].
pub fn is_over(before: Day, now: Wall) -> Result<(), PurgeError> {
    if before.0 > swabmesh_node::clock::day(now) {
        return Err(PurgeError::NotOver { day: before.to_string() });
    }
    Ok(())
}

/// Destroys the keys of all days before one, and says what was destroyed.
///
/// # Errors
/// [`PurgeError`]: keys destroyed before the error stay destroyed; purging again completes it.
pub fn purge<V: View>(
    view: &V,
    roles: &Roles,
    home: &Home,
    root: &VerifyingKey,
    before: Day,
    now: Wall,
) -> Result<Report, PurgeError> {
    is_over(before, now)?;
    let keys = home.keys();
    let here: BTreeSet<u32> = keys.days(Daily::Details)?.into_iter().collect();
    let mut published = Vec::new();
    for (entry, fact) in control(view)? {
        if let Fact::SealKey(key) = fact
            && key.day < before.0
        {
            let (day, public) = (Day(key.day).to_string(), hex(&key.public));
            published.push(DestroyedKey { day, public, entry, now: here.contains(&key.day) });
        }
    }
    for day in here.range(..before.0) {
        keys.destroy(Daily::Details, *day)?;
    }
    let left = keys.days(Daily::Details)?;
    let sealed = look_through(view, roles, before, &secrets(&keys, &left)?)?;
    Ok(Report {
        root: hex(root.as_bytes()),
        before: before.to_string(),
        at: now.0,
        keys: published,
        kept: left.into_iter().map(|day| Day(day).to_string()).collect(),
        sealed: sealed.trial.sealed,
        sealed_digest: Hash(sealed.digest.finalize().into()),
        tried: sealed.trial.tried,
        opened: sealed.trial.opened,
        entries: sealed.entries,
        office: None,
        log: None,
    })
}

/// A key that is left, with the day it opens.
type Left = (Day, SealSecret, SealPublic);

fn secrets(keys: &Keys, days: &[u32]) -> Result<Vec<Left>, KeyError> {
    days.iter().map(|day| keys.open_details(*day).map(|(secret, public)| (Day(*day), secret, public))).collect()
}

#[derive(Default)]
struct Sealed {
    trial: Trial,
    digest: Sha256,
    entries: u64,
}

fn look_through<V: View>(view: &V, roles: &Roles, before: Day, left: &[Left]) -> Result<Sealed, ViewError> {
    let mut sealed = Sealed::default();
    for head in feeds(view, roles)? {
        let feed = head.header.id();
        for found in entries(view, &feed, SeqNo(1), head.height)? {
            let found = found?;
            sealed.entries += 1;
            if found.stamp.wall().0 >= before.start_ms() {
                break;
            }
            let Ok(Fact::Registered(fact)) = Fact::from_bytes(&found.fact) else { continue };
            let Some(bytes) = fact.details else { continue };
            sealed.digest.update(feed.0);
            sealed.digest.update(found.seq.0.to_be_bytes());
            sealed.digest.update(Sha256::digest(&*bytes));
            let opens = |(day, secret, _): &Left| details::open(secret, day.date(), &bytes).is_ok();
            sealed.trial.of(|| left.iter().any(opens));
        }
    }
    Ok(sealed)
}

/// Signs a report with the authority's own key.
///
/// # Errors
/// [`KeyError`]: the key is not at hand.
pub fn sign(report: &Report, keys: &Keys, certificate: &[u8]) -> Result<SignedReport, KeyError> {
    // A report is numbers and texts: it has a form in JSON.
    let report = serde_json::to_string(report).unwrap_or_default();
    let signature = keys.signing(Signing::Node)?.sign(format!("{PREFIX}{report}").as_bytes());
    Ok(SignedReport { report, certificate: hex(certificate), signature: hex(&signature.to_bytes()) })
}

impl SignedReport {
    /// Checks that the authority of a root made the report, with nothing but the root's key at hand.
    ///
    /// # Errors
    /// [`NotProved`].
    pub fn check(&self, root: &VerifyingKey) -> Result<Report, NotProved> {
        let certificate = data_encoding::HEXLOWER_PERMISSIVE.decode(self.certificate.as_bytes());
        let certificate = Certificate::open(&certificate.map_err(|_| NotProved::NotHex)?, root)?;
        if certificate.role != Role::Authority {
            return Err(NotProved::Role);
        }
        let key = VerifyingKey::from_bytes(&certificate.node.0).map_err(|_| NotProved::Signature)?;
        let signature = Signature::from_bytes(&unhex(&self.signature)?);
        let signed = format!("{PREFIX}{}", self.report);
        if key.verify(signed.as_bytes(), &signature).is_err() {
            return Err(NotProved::Signature);
        }
        let report: Report = serde_json::from_str(&self.report)?;
        if report.root == hex(root.as_bytes()) { Ok(report) } else { Err(NotProved::OtherCity { found: report.root }) }
    }
}
