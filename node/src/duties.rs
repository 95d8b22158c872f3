//! What an authority does by itself: it publishes what its root signed, and the key of the day.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use swabmesh_protocol::command::{Command, Refusal};

use crate::clock;
use crate::durable::WriteError;
use crate::enrolment::pending::{self, Pending};
use crate::home::Home;
use crate::keys::KeyError;
use crate::runtime::NodeHandle;

/// How often the authority looks: how long a certificate signed beside it waits, and how late a new day begins.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why a duty was not done; it is tried again.
#[derive(Debug, thiserror::Error)]
enum DutyError {
    #[error(transparent)]
    Files(#[from] WriteError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Does the duties until the task is dropped.
pub(crate) async fn run(node: NodeHandle, home: Home) {
    let mut day_published = None;
    let mut signing = Vec::new();
    loop {
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
