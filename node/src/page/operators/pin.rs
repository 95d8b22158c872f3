//! PINs: what is one, and how it is kept.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Serialize};
use swabmesh_protocol::sensitive::Sensitive;

use crate::keys::{KeyError, draw};

/// Digits of a PIN. Fewer are guessed within the attempts that the lock allows in a night.
const DIGITS: std::ops::RangeInclusive<usize> = 6..=12;

/// Why a PIN is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// Not 6 to 12 digits.
    #[error("a PIN has 6 to 12 digits: choose another one")]
    Shape,
    /// One digit repeated, or a run such as 123456.
    #[error("a PIN like 111111 or 123456 is the first that is tried: choose another one")]
    Guessable,
    /// The system gives no randomness.
    #[error(transparent)]
    Random(#[from] KeyError),
    /// It could not be hashed.
    #[error("the PIN could not be hashed: try again")]
    Hash,
}

/// A PIN in the clear, on its way to its hash.
#[derive(Debug, Clone)]
pub struct Pin(Sensitive<String>);

impl Pin {
    /// Takes what somebody chose.
    ///
    /// # Errors
    /// [`PinError`].
    pub fn new(text: &str) -> Result<Self, PinError> {
        let digits = text.trim().as_bytes();
        if !DIGITS.contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
            return Err(PinError::Shape);
        }
        let steps =
            |step: i16| digits.windows(2).all(|pair| matches!(pair, [a, b] if i16::from(*b) - i16::from(*a) == step));
        if [-1, 0, 1].into_iter().any(steps) {
            return Err(PinError::Guessable);
        }
        Ok(Self(Sensitive::new(text.trim().to_owned())))
    }

    /// Draws a PIN of six digits.
    ///
    /// # Errors
    /// [`PinError::Random`].
    pub fn draw() -> Result<Self, PinError> {
        loop {
            let number = u64::from_be_bytes(draw()?) % 1_000_000;
            if let Ok(pin) = Self::new(&format!("{number:06}")) {
                return Ok(pin);
            }
        }
    }

    /// The digits, to be told to their owner once.
    #[must_use]
    pub const fn expose(&self) -> &String {
        self.0.expose()
    }

    /// Hashes it with a salt of its own.
    pub(super) fn hash(&self) -> Result<PinHash, PinError> {
        let hash = Argon2::default().hash_password(self.0.expose().as_bytes()).map_err(|_| PinError::Hash)?;
        Ok(PinHash(hash.to_string()))
    }
}

/// A hashed PIN: Argon2id with the library's parameters (19 MiB, 2 passes), as a PHC string.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct PinHash(String);

/// Of no PIN at all, for names that nobody has.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5aGFzdGhpc25hbWU$Q29tcGFyZWQgd2l0aCBhIHBpbiBvZiBub2JvZHkhISE";

impl PinHash {
    /// Whether this is the PIN; `None` takes as long and is always wrong.
    pub(super) fn check(hash: Option<&Self>, pin: &str) -> bool {
        let text = hash.map_or(NOBODY, |hash| &hash.0);
        let verified = PasswordHash::new(text)
            .is_ok_and(|parsed| Argon2::default().verify_password(pin.trim().as_bytes(), &parsed).is_ok());
        hash.is_some() && verified
    }
}
