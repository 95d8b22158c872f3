//! Channels: the app and the mini-programs through which residents ask, each with credentials and a quota of its own (A1).
//!
//! `channels.json` holds no secret, only its SHA-256: a secret is 32 random bytes, so one hash is enough.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use swabmesh_node::durable::{self, Access, WriteError};
use swabmesh_node::keys::{KeyError, draw};
use swabmesh_protocol::id::hex;

/// Requests a second of a new channel. Source: guess; the city's peak hour is 2,300 registrations a second.
pub const QUOTA_PER_S: u32 = 20_000;

/// A channel as its file writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// `app`, `wechat`, `alipay`, or what the city calls it.
    pub name: String,
    /// SHA-256 of its secret, hexadecimal.
    pub secret_sha256: String,
    /// The secret before, while it is still taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// Requests a second.
    pub quota_per_s: u32,
}

/// A secret that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// SHA-256 of it, hexadecimal.
    pub secret_sha256: String,
    /// Until when it is taken, seconds since 1970 UTC.
    pub until: u64,
}

/// Why the channels were not changed or not read.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// Not a name.
    #[error("a channel's name has 1 to 32 lower-case letters, digits and hyphens: choose another")]
    Name,
    /// There is one already.
    #[error("channel {0} exists already: `swabmesh authority channel rotate` gives it a new secret")]
    Exists(String),
    /// There is none.
    #[error("there is no channel {0}: see `swabmesh authority channel list`")]
    Unknown(String),
    /// The file cannot be read.
    #[error("{path} cannot be read ({why}): put it right, or restore it from the backup")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The system gives no randomness.
    #[error(transparent)]
    Random(#[from] KeyError),
}

fn sha256(secret: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    hex(&digest)
}

/// Reads the channels; none if there is no file.
///
/// # Errors
/// [`ChannelError::File`].
pub fn read(path: &Path) -> Result<Vec<Channel>, ChannelError> {
    let failed = |why: String| ChannelError::File { path: path.to_owned(), why };
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error.to_string())),
        Ok(text) => serde_json::from_str(&text).map_err(|error| failed(error.to_string())),
    }
}

fn write(path: &Path, channels: &[Channel]) -> Result<(), ChannelError> {
    let text = serde_json::to_string_pretty(channels)
        .map_err(|error| ChannelError::File { path: path.to_owned(), why: error.to_string() })?;
    Ok(durable::replace(path, format!("{text}\n").as_bytes(), Access::Secret)?)
}

/// Adds a channel and gives its credential, `NAME.SECRET`, which is shown this once. A running authority takes it within seconds.
///
/// # Errors
/// [`ChannelError`].
pub fn add(path: &Path, name: &str, quota_per_s: u32) -> Result<String, ChannelError> {
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !letters || name.is_empty() || name.len() > 32 {
        return Err(ChannelError::Name);
    }
    let mut channels = read(path)?;
    if channels.iter().any(|channel| channel.name == name) {
        return Err(ChannelError::Exists(name.to_owned()));
    }
    let secret = hex(&draw::<32>()?);
    channels.push(Channel { name: name.to_owned(), secret_sha256: sha256(&secret), before: None, quota_per_s });
    write(path, &channels)?;
    Ok(format!("{name}.{secret}"))
}

/// Gives a channel a new secret; the one before is taken until `until_s`, seconds since 1970 UTC.
///
/// # Errors
/// [`ChannelError`].
pub fn rotate(path: &Path, name: &str, until_s: u64) -> Result<String, ChannelError> {
    let mut channels = read(path)?;
    let channel = channels.iter_mut().find(|channel| channel.name == name);
    let channel = channel.ok_or_else(|| ChannelError::Unknown(name.to_owned()))?;
    let secret = hex(&draw::<32>()?);
    let before = std::mem::replace(&mut channel.secret_sha256, sha256(&secret));
    channel.before = Some(Before { secret_sha256: before, until: until_s });
    write(path, &channels)?;
    Ok(format!("{name}.{secret}"))
}

/// Why a request of a channel does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// No credential of a channel.
    Stranger,
    /// More than its quota: to come back in a second.
    OverQuota,
}

/// A token bucket: as many requests at once as a second allows.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

#[derive(Debug, Default)]
struct State {
    read_at: Option<SystemTime>,
    channels: BTreeMap<String, Channel>,
    buckets: BTreeMap<String, Bucket>,
    tally: BTreeMap<(String, &'static str), u64>,
}

/// The channels of a running authority.
#[derive(Debug)]
pub struct Channels {
    path: PathBuf,
    state: Mutex<State>,
}

impl Channels {
    /// The channels in a file, which may come later.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        let channels = Self { path, state: Mutex::new(State::default()) };
        channels.refresh();
        channels
    }

    /// Reads the file again if it changed.
    pub fn refresh(&self) {
        let modified = std::fs::metadata(&self.path).and_then(|file| file.modified()).ok();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if modified == state.read_at {
            return;
        }
        match read(&self.path) {
            Ok(channels) => {
                state.channels = channels.into_iter().map(|channel| (channel.name.clone(), channel)).collect();
                state.read_at = modified;
                tracing::info!(channels = state.channels.len(), "the channels are read");
            }
            // What held goes on holding.
            Err(error) => tracing::error!(%error, "the channels"),
        }
    }

    /// Lets `count` requests of a channel pass: its name.
    ///
    /// # Errors
    /// [`Turned`].
    pub fn admit(&self, credential: &str, count: u32, now_s: u64) -> Result<String, Turned> {
        let (name, secret) = credential.split_once('.').ok_or(Turned::Stranger)?;
        let shown = sha256(secret);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { channels, buckets, tally, .. } = &mut *state;
        let mut count_as = |outcome| *tally.entry((name.to_owned(), outcome)).or_default() += u64::from(count);
        let channel = channels.get(name).ok_or(Turned::Stranger)?;
        let before = channel.before.as_ref().filter(|before| before.until > now_s);
        if shown != channel.secret_sha256 && before.is_none_or(|before| shown != before.secret_sha256) {
            count_as("stranger");
            return Err(Turned::Stranger);
        }
        let quota = f64::from(channel.quota_per_s.max(1));
        let now = Instant::now();
        let bucket = buckets.entry(name.to_owned()).or_insert(Bucket { tokens: quota, at: now });
        bucket.tokens = (bucket.tokens + now.duration_since(bucket.at).as_secs_f64() * quota).min(quota);
        bucket.at = now;
        // A batch larger than the quota passes when the bucket is full, and is owed for.
        let needed = f64::from(count).min(quota);
        if bucket.tokens < needed {
            count_as("over-quota");
            return Err(Turned::OverQuota);
        }
        bucket.tokens -= f64::from(count);
        count_as("admitted");
        Ok(name.to_owned())
    }

    /// Requests of each known channel since the start, by what came of them.
    #[must_use]
    pub fn tally(&self) -> Vec<(String, &'static str, u64)> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tally.iter().map(|((channel, outcome), count)| (channel.clone(), *outcome, *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("channels.json");
        (dir, path)
    }

    #[test]
    fn a_channel_is_known_by_its_secret_which_the_file_does_not_hold() {
        let (_dir, path) = file();
        let credential = add(&path, "app", 100).unwrap();
        let secret = credential.strip_prefix("app.").unwrap();
        assert!(!std::fs::read_to_string(&path).unwrap().contains(secret));
        let channels = Channels::at(path.clone());
        assert_eq!(channels.admit(&credential, 1, 0).as_deref(), Ok("app"));
        for wrong in ["app.", "app", &format!("wechat.{secret}"), &format!("{credential}0")] {
            assert_eq!(channels.admit(wrong, 1, 0), Err(Turned::Stranger), "{wrong}");
        }
        assert!(matches!(add(&path, "app", 1), Err(ChannelError::Exists(_))));
        assert!(matches!(add(&path, "The App", 1), Err(ChannelError::Name)));
    }

    #[test]
    fn a_replaced_secret_is_taken_until_its_time_is_over() {
        let (_dir, path) = file();
        let old = add(&path, "app", 100).unwrap();
        let new = rotate(&path, "app", 1_000).unwrap();
        let channels = Channels::at(path);
        assert!(channels.admit(&new, 1, 2_000).is_ok() && channels.admit(&old, 1, 999).is_ok());
        assert_eq!(channels.admit(&old, 1, 1_000), Err(Turned::Stranger));
    }

    #[test]
    fn one_channels_quota_is_its_own() {
        let (_dir, path) = file();
        let (app, other) = (add(&path, "app", 3).unwrap(), add(&path, "wechat", 3).unwrap());
        let channels = Channels::at(path);
        let answers: Vec<_> = (0..5).map(|_| channels.admit(&app, 1, 0).is_ok()).collect();
        assert_eq!(answers, [true, true, true, false, false]);
        assert!(channels.admit(&other, 1, 0).is_ok());
    }
}
