//! What a node does by itself: it keeps the certificate that the log brought; an authority publishes what its root signed
//! and the key of the day, and renews certificates.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use swabmesh_protocol::command::{Command, Refusal};
use tokio::sync::watch;

use crate::clock;
use crate::durable::WriteError;
use crate::enrolment::pending::{self, Pending};
use crate::enrolment::{EnrolError, renew};
use crate::home::Home;
use crate::keys::{KeyError, Signing};
use crate::runtime::{NodeHandle, Stopping};

/// How often the authority looks: how long a certificate signed beside it waits, and how late a new day begins.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Certificates signed at one look: 15,000 that end on one day take twenty minutes, and nobody waits for the log.
const RENEWALS_AT_ONCE: usize = 64;

/// Why a duty was not done; it is tried again.
#[derive(Debug, thiserror::Error)]
enum DutyError {
    #[error(transparent)]
    Files(#[from] WriteError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    #[error(transparent)]
    Stopping(#[from] Stopping),
}

/// Keeps the newest certificate in the node's directory, until the node has stopped.
///
/// What cannot be written is tried again, and once more after the next start, where the log brings it again.
pub(crate) async fn keep_certificate(mut newest: watch::Receiver<Vec<u8>>, home: Home) {
    loop {
        let certificate = newest.borrow_and_update().clone();
        let kept = if certificate.is_empty() { Ok(false) } else { renew::take_up(&home, &certificate) };
        match &kept {
            Ok(true) => tracing::info!("the renewed certificate is in the directory"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the renewed certificate is not in the directory yet"),
        }
        tokio::select! {
            changed = newest.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK_EVERY), if kept.is_err() => {}
        }
    }
}

/// Does an authority's duties until the task is dropped; `renew_before_s` is as for [`Replica::due`].
///
/// [`Replica::due`]: swabmesh_protocol::replica::Replica::due
pub(crate) async fn run(node: NodeHandle, home: Home, renew_before_s: u64) {
    let mut day_published = None;
    let mut without_root = 0;
    let mut signing = Vec::new();
    loop {
        if let Err(error) = renew(&node, &home, renew_before_s, &mut without_root).await {
            tracing::warn!(%error, "certificates are not renewed yet");
        }
        if let Err(error) = publish(&node, &home).await {
            tracing::warn!(%error, "what the root signed is not published yet");
        }
        if let Err(error) = take_up_keys(&node, &home, &mut signing).await {
            tracing::warn!(%error, "the issuing keys are not taken up yet");
        }
        if let Err(error) = begin_day(&node, &home, &mut day_published).await {
            tracing::warn!(%error, "the key of the day is not published yet");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Signs newer certificates for members whose own ends soon; what waits to be published is not signed again.
async fn renew(node: &NodeHandle, home: &Home, before_s: u64, without_root: &mut usize) -> Result<(), DutyError> {
    let now_s = clock::wall().seconds();
    let mut due = node.inspect(move |replica| replica.due(now_s, before_s)).await?;
    if due.is_empty() {
        return Ok(());
    }
    let waiting = pending::all(home)?;
    due.retain(|certificate| !waiting.iter().any(|waiting| waiting.is_of(&certificate.node)));
    let Ok(root) = home.keys().signing(Signing::Root) else {
        // Told when it changes: this is looked at every few seconds.
        if std::mem::replace(without_root, due.len()) != due.len() {
            tracing::warn!(
                certificates = due.len(),
                "certificates end soon, and the root key is not on this machine: `swabmesh authority renew --root FILE`"
            );
        }
        return Ok(());
    };
    for certificate in due.iter().take(RENEWALS_AT_ONCE) {
        renew::renew(home, &root, certificate, now_s)?;
        tracing::info!(node = %certificate.node, name = certificate.name.as_str(), "certificate renewed");
    }
    Ok(())
}

async fn publish(node: &NodeHandle, home: &Home) -> Result<(), DutyError> {
    for waiting in pending::all(home)? {
        let Pending { published, .. } = &waiting;
        match node.command(Command::Publish(published.clone())).await {
            Ok(_) => tracing::info!(document = waiting.name(), "published"),
            // The log holds it, or something newer.
            Err(Refusal::NotOfTheRoot) => tracing::info!(document = waiting.name(), "nothing new, not published"),
            Err(refusal) => return Err(refusal.into()),
        }
        pending::done(home, &waiting)?;
    }
    Ok(())
}

/// Signs with the keys that are in the directory now; which of them counts when, the trust list says.
async fn take_up_keys(node: &NodeHandle, home: &Home, held: &mut Vec<SigningKey>) -> Result<(), DutyError> {
    let keys = home.keys().issuers()?;
    if *held != keys {
        node.command(Command::SignWith(keys.clone())).await?;
        *held = keys;
    }
    Ok(())
}

/// Publishes the key of today. Its secret is on disk first: what is sealed to it must open.
async fn begin_day(node: &NodeHandle, home: &Home, published: &mut Option<u32>) -> Result<(), DutyError> {
    let today = clock::day(clock::wall());
    let held = node.snapshot().seal_key().map(|key| key.day);
    if held.max(*published) >= Some(today) {
        return Ok(());
    }
    let public = home.keys().details(today)?.0;
    node.command(Command::PublishSealKey { day: today, public }).await?;
    *published = Some(today);
    tracing::info!(day = today, "the key of the day is published");
    Ok(())
}
