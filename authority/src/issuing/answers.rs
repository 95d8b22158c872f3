//! Answers remembered for `Idempotency-Key`: the same key and body get the same answer, and nothing is done twice.
//!
//! Bounded twice: the oldest goes when there are [`ANSWERS_MAX`], and none is given after [`KEPT_S`]. An answer may be lost
//! with the power; then the request is done again, which issues nothing new to whoever has a valid code.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::registry::{Registry, RegistryError, Row, Rows};

/// Answers kept.
pub const ANSWERS_MAX: u64 = 100_000;

/// Seconds an answer is kept: a day.
pub const KEPT_S: u64 = 86_400;

/// Bytes of an answer in one row, which may have 4,096.
const PART_BYTES: usize = 3_800;

/// Rows of one answer; longer ones are not remembered.
const PARTS_MAX: usize = 64;

/// Characters of a key.
pub const KEY_CHARS_MAX: usize = 200;

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The HTTP status.
    pub status: u16,
    /// The body, JSON.
    pub body: Vec<u8>,
}

/// First part of an answer; the others are bytes.
#[derive(Debug, Encode, Decode)]
#[cbor(array)]
struct First {
    #[n(0)]
    at_s: u64,
    #[n(1)]
    status: u16,
    #[n(2)]
    parts: u16,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    request: Vec<u8>,
}

/// What is known of a request with a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is being done now, by whoever asked.
    New(Taken),
    /// It was done.
    Before(Remembered),
    /// The key was used for something else.
    Other,
    /// It is being done for somebody else at this moment.
    UnderWay,
}

/// A key that was taken for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    hash: [u8; 32],
    request: [u8; 32],
}

/// A key whose request is being done; given back when it is dropped, so that a request that was cut off can be repeated.
#[derive(Debug)]
pub struct Slot<'a> {
    answers: &'a Answers,
    taken: Taken,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.answers.lock().remove(&self.taken.hash);
    }
}

/// The remembered answers.
#[derive(Debug)]
pub struct Answers {
    registry: Registry,
    under_way: Mutex<BTreeSet<[u8; 32]>>,
    next: Mutex<u64>,
}

impl Answers {
    /// The answers in a registry.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn new(registry: Registry) -> Result<Self, RegistryError> {
        let last =
            registry.last(Rows::Ring)?.and_then(|(place, _)| place.first_chunk().map(|at| u64::from_be_bytes(*at)));
        let next = Mutex::new(last.map_or(0, |last| last + 1));
        Ok(Self { registry, under_way: Mutex::default(), next })
    }

    /// Looks a key of a channel up, and takes it if it is new. `request` is the method, path and body.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn take(&self, channel: &str, key: &str, request: &[&[u8]], now_s: u64) -> Result<Known, RegistryError> {
        let hash: [u8; 32] = Sha256::new().chain_update(channel).chain_update([0]).chain_update(key).finalize().into();
        let request: [u8; 32] =
            request.iter().fold(Sha256::new(), |sum, part| sum.chain_update(part)).finalize().into();
        if !self.lock().insert(hash) {
            return Ok(Known::UnderWay);
        }
        let known = self.read(&hash, &request, now_s);
        if !matches!(known, Ok(None)) {
            self.lock().remove(&hash);
        }
        Ok(known?.unwrap_or(Known::New(Taken { hash, request })))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<[u8; 32]>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, hash: &[u8; 32], request: &[u8; 32], now_s: u64) -> Result<Option<Known>, RegistryError> {
        let Some(first) = self.registry.get::<First>(Rows::Answers, &part(hash, 0))? else { return Ok(None) };
        if first.at_s.saturating_add(KEPT_S) < now_s {
            return Ok(None);
        }
        if first.request != request {
            return Ok(Some(Known::Other));
        }
        let mut body = Vec::new();
        for number in 1..=first.parts {
            // A part that is gone with the power takes the answer with it.
            let Some(bytes) = self.registry.bytes(Rows::Answers, &part(hash, number))? else { return Ok(None) };
            body.extend(bytes);
        }
        Ok(Some(Known::Before(Remembered { status: first.status, body })))
    }

    /// The slot of a key that was taken.
    #[must_use]
    pub const fn slot(&self, taken: Taken) -> Slot<'_> {
        Slot { answers: self, taken }
    }

    /// Remembers an answer, and lets the oldest go when there are too many.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn keep(&self, slot: Slot<'_>, answer: &Remembered, now_s: u64) -> Result<(), RegistryError> {
        let parts: Vec<&[u8]> = answer.body.chunks(PART_BYTES).collect();
        if parts.len() > PARTS_MAX { Ok(()) } else { self.write(&slot.taken, answer.status, &parts, now_s).await }
    }

    async fn write(&self, slot: &Taken, status: u16, parts: &[&[u8]], now_s: u64) -> Result<(), RegistryError> {
        let place = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            *next += 1;
            *next - 1
        };
        let count = u16::try_from(parts.len()).unwrap_or(u16::MAX);
        let first = First { at_s: now_s, status, parts: count, request: slot.request.to_vec() };
        let mut rows = vec![
            Row::put(Rows::Answers, part(&slot.hash, 0), &first),
            Row::put_bytes(Rows::Ring, place.to_be_bytes(), [slot.hash.as_slice(), &count.to_be_bytes()].concat()),
        ];
        for (number, bytes) in (1..=count).zip(parts) {
            rows.push(Row::put_bytes(Rows::Answers, part(&slot.hash, number), bytes.to_vec()));
        }
        if let Some(oldest) = place.checked_sub(ANSWERS_MAX) {
            rows.extend(self.oldest(oldest)?);
        }
        self.registry.note(rows).await
    }

    /// The rows that let the answer at a place of the ring go.
    fn oldest(&self, place: u64) -> Result<Vec<Row>, RegistryError> {
        let Some(value) = self.registry.bytes(Rows::Ring, &place.to_be_bytes())? else { return Ok(Vec::new()) };
        let hash = value.first_chunk::<32>().copied().unwrap_or_default();
        let parts = value.last_chunk::<2>().map_or(0, |parts| u16::from_be_bytes(*parts));
        let mut rows = vec![Row::remove(Rows::Ring, place.to_be_bytes())];
        rows.extend((0..=parts).map(|number| Row::remove(Rows::Answers, part(&hash, number))));
        Ok(rows)
    }
}

fn part(hash: &[u8; 32], number: u16) -> Vec<u8> {
    [hash.as_slice(), &number.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(answers: &Answers, key: &str, body: &[u8], now_s: u64) -> Known {
        answers.take("app", key, &[body], now_s).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_key_is_done_once_and_answered_alike_for_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let answers = Answers::new(Registry::open(dir.path(), 1).unwrap()).unwrap();
        let Known::New(taken) = take(&answers, "k1", b"body", 0) else { panic!("new") };
        let slot = answers.slot(taken);
        assert_eq!(take(&answers, "k1", b"body", 0), Known::UnderWay);
        let answer = Remembered { status: 200, body: vec![7; 10_000] };
        answers.keep(slot, &answer, 0).await.unwrap();
        assert_eq!(take(&answers, "k1", b"body", KEPT_S), Known::Before(answer));
        assert_eq!(take(&answers, "k1", b"other", 1), Known::Other);
        assert!(matches!(take(&answers, "k2", b"body", 1), Known::New(_)));
        assert!(matches!(answers.take("wechat", "k1", &[b"body"], 1).unwrap(), Known::New(_)));
        let Known::New(taken) = take(&answers, "k1", b"body", KEPT_S + 1) else { panic!("too old") };
        drop(answers.slot(taken));
        assert!(matches!(take(&answers, "k1", b"body", KEPT_S + 1), Known::New(_)));
    }
}
