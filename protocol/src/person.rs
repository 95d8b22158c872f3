//! Pseudonyms: one keyed name for one person, whatever route the document took to get here.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::document::Checked;
use crate::id::Person;

/// The key of a campaign's pseudonyms, K_person: 32 bytes, held by the authority and by enrolled nodes only.
///
/// Wiped when dropped; `Debug` says nothing.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PersonKey([u8; 32]);

impl PersonKey {
    /// Takes the raw key, as drawn by the authority or opened at enrolment.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the raw key, to seal it to a node or to write it to the node's own disk.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Names a person: HMAC-SHA-256 over `TYPE|NUMBER`, the first 16 bytes.
    ///
    /// TYPE is the decimal number of the document type and NUMBER its normal form, so a 15-digit card, a
    /// full-width entry and a code of one person all meet.
    #[must_use]
    pub fn person(&self, checked: &Checked) -> Person {
        let text = format!("{}|{}", checked.document().number(), checked.number().expose());
        let mac = keyed(&self.0).chain_update(text.as_bytes()).finalize().into_bytes();
        let mut person = [0; 16];
        person.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
        Person(person)
    }
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonKey(<secret>)")
    }
}

/// HMAC keyed with one full key; shorter than the block, so padded and never hashed (RFC 2104).
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    Hmac::new(&block)
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::document::{DocumentType, check};

    fn person(key: &PersonKey, document: DocumentType, text: &str) -> Person {
        key.person(&check(document, text, date!(2022 - 04 - 09)).unwrap())
    }

    /// The reference was computed with Python: `hmac.new(b"\x09" * 32, b"1|11010519491231002X", "sha256")`.
    #[test]
    fn the_pseudonym_is_the_truncated_hmac_of_type_and_number() {
        let found = person(&PersonKey::new([9; 32]), DocumentType::IdentityCard, "11010519491231002X");
        assert_eq!(found.to_string(), "f773d7b68fa9ec22e09b9204437024f4");
    }

    #[test]
    fn an_old_card_a_full_width_entry_and_the_card_itself_meet() {
        let key = PersonKey::new([9; 32]);
        let card = person(&key, DocumentType::IdentityCard, "11010519491231002X");
        assert_eq!(person(&key, DocumentType::IdentityCard, "110105491231002"), card);
        assert_eq!(person(&key, DocumentType::IdentityCard, "１１０１０５ 19491231-002x"), card);
        assert_ne!(person(&key, DocumentType::Other, "11010519491231002X"), card);
        assert_ne!(person(&PersonKey::new([8; 32]), DocumentType::IdentityCard, "11010519491231002X"), card);
    }

    #[test]
    fn debug_output_of_a_key_says_nothing() {
        assert_eq!(format!("{:?}", PersonKey::new([9; 32])), "PersonKey(<secret>)");
    }
}
