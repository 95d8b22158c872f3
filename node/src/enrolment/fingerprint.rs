//! What people compare before they trust a root: 128 bits of its hash, as digits and as words to say aloud.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha256};
use swabmesh_protocol::id::{hex, unhex};

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";

/// The fingerprint of a root key: the first 16 bytes of SHA-256 over `"swabmesh root 1"` and the raw key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint of a key.
    #[must_use]
    pub fn of(root: &VerifyingKey) -> Self {
        let digest = Sha256::new().chain_update(b"swabmesh root 1").chain_update(root.as_bytes()).finalize();
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self(bytes)
    }

    /// Eight words of five letters that can be said on the telephone. Source: proquints (Wilkerson, 2009).
    #[must_use]
    pub fn words(&self) -> String {
        let words = self.0.chunks_exact(2).map(|pair| pair.iter().fold(0_u16, |all, byte| all << 8 | u16::from(*byte)));
        words.map(word).collect::<Vec<_>>().join(" ")
    }
}

fn word(bits: u16) -> String {
    let letter = |table: &[u8], shift: u32| {
        let index = usize::from(bits >> shift) % table.len();
        char::from(table.get(index).copied().unwrap_or_default())
    };
    [letter(CONSONANTS, 12), letter(VOWELS, 10), letter(CONSONANTS, 6), letter(VOWELS, 4), letter(CONSONANTS, 0)]
        .into_iter()
        .collect()
}

/// The digits, in groups of four.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: Vec<String> = self.0.chunks_exact(2).map(hex).collect();
        f.write_str(&groups.join("-"))
    }
}

/// The text is neither the digits nor the words of a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 32 hexadecimal digits, or its eight words, as `swabmesh authority init` printed them")]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    /// Reads digits or words, however they are grouped.
    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        if let Ok(bytes) = unhex(&plain) {
            return Ok(Self(bytes));
        }
        let mut bytes = Vec::with_capacity(16);
        for letters in plain.as_bytes().chunks(5) {
            bytes.extend(bits(letters).ok_or(NotAFingerprint)?.to_be_bytes());
        }
        bytes.try_into().map(Self).map_err(|_| NotAFingerprint)
    }
}

/// The 16 bits of a word; `None` if it is none.
fn bits(letters: &[u8]) -> Option<u16> {
    let place = |table: &[u8], letter: u8| table.iter().position(|known| *known == letter);
    let &[a, b, c, d, e] = letters else { return None };
    let bits = place(CONSONANTS, a)? << 12
        | place(VOWELS, b)? << 10
        | place(CONSONANTS, c)? << 6
        | place(VOWELS, d)? << 4
        | place(CONSONANTS, e)?;
    u16::try_from(bits).ok()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    /// From the proquint paper: 127.0.0.1 is lusab-babad.
    #[test]
    fn words_are_proquints() {
        assert_eq!((word(0x7f00), word(0x0001)), ("lusab".to_owned(), "babad".to_owned()));
        assert_eq!(bits(b"lusab"), Some(0x7f00));
    }

    #[test]
    fn digits_and_words_read_back_however_they_are_grouped() {
        let fingerprint = Fingerprint::of(&SigningKey::from_bytes(&[7; 32]).verifying_key());
        for text in [
            fingerprint.to_string(),
            fingerprint.to_string().to_uppercase().replace('-', " "),
            fingerprint.words(),
            fingerprint.words().replace(' ', "-"),
        ] {
            assert_eq!(text.parse(), Ok(fingerprint), "{text}");
        }
        for text in ["", "lusab", "0123", &"x".repeat(40), &format!("{fingerprint}00")] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NotAFingerprint), "{text}");
        }
    }
}
