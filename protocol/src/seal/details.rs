//! The personal details typed at a site, as only the authority reads them.
//!
//! Plain form: one CBOR map of definite length, keys ascending, none twice, absent details left out.
//!
//! | key | detail | form |
//! |---|---|---|
//! | 1 | name | text |
//! | 2 | document type | 1..=9 |
//! | 3 | document number, normal form | text |
//! | 4 | telephone | text: a number, or `as in FEED:NUMBER`, the earlier registration of the same person that holds it |
//! | 5 | address | text |
//! | 6 | remark | text |
//! | 7 | date of birth, `YYYY-MM-DD` | text |
//! | 8 | issuing state | text |

use minicbor::{Decoder, Encoder};
use time::Date;
use zeroize::Zeroizing;

use super::{Purpose, SealError, SealPublic, SealSecret, open_bytes, seal_bytes};
use crate::document::DocumentType;
use crate::sensitive::Sensitive;
use crate::telephone::Telephone;

/// What a site knows of a person beyond the pseudonym. Exists in the clear only until it is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// Full name.
    pub name: Sensitive<String>,
    /// Type of document.
    pub document: DocumentType,
    /// Number of the document in normal form.
    pub number: Sensitive<String>,
    /// Telephone, or where it was given.
    pub telephone: Option<Telephone>,
    /// Address or place of stay.
    pub address: Option<Sensitive<String>>,
    /// Remark, needed for [`DocumentType::Other`].
    pub remark: Option<Sensitive<String>>,
    /// Date of birth, `YYYY-MM-DD`, where the number does not carry it.
    pub born: Option<Sensitive<String>>,
    /// Issuing state of a passport.
    pub state: Option<Sensitive<String>>,
}

/// Seals details to the authority's key of `day`; `seed` is 32 fresh random bytes.
///
/// # Errors
/// [`SealError::TooLong`] when the plain form exceeds [`crate::limits::SEALED_PLAIN_BYTES_MAX`]: shorten address
/// or remark. [`SealError::PublicKey`] when the published key is none.
pub fn seal(to: &SealPublic, day: Date, seed: [u8; 32], details: &Details) -> Result<Vec<u8>, SealError> {
    let plain = details.encode()?;
    seal_bytes(to, &Purpose::Details(day), seed, &plain)
}

/// Opens details sealed on `day`. Every caller is a look at personal details (rule P4).
///
/// # Errors
/// [`SealError::NotForThisKey`] or, when the sealer did not follow the form, [`SealError::Content`].
pub fn open(secret: &SealSecret, day: Date, sealed: &[u8]) -> Result<Details, SealError> {
    Details::decode(&open_bytes(secret, &Purpose::Details(day), sealed)?)
}

impl Details {
    /// Writes the plain form: for whoever encrypts it by other means than [`seal`].
    ///
    /// # Errors
    /// [`SealError::Content`].
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let telephone = self.telephone.as_ref().map(Telephone::to_text);
        let optional = [(4, &telephone), (5, &self.address), (6, &self.remark), (7, &self.born), (8, &self.state)];
        let present = optional.into_iter().filter_map(|(key, detail)| Some((key, detail.as_ref()?)));
        let count: u64 = 3 + present.clone().map(|_| 1).sum::<u64>();
        let mut out = Encoder::new(Vec::new());
        let mut write = || -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
            out.map(count)?.u8(1)?.str(self.name.expose())?;
            out.u8(2)?.u8(self.document.number())?.u8(3)?.str(self.number.expose())?;
            for (key, detail) in present.clone() {
                out.u8(key)?.str(detail.expose())?;
            }
            Ok(())
        };
        write().map_err(|_| SealError::Content)?;
        Ok(Zeroizing::new(out.into_writer()))
    }

    /// Reads the plain form. Every caller is a look at personal details (rule P4).
    ///
    /// # Errors
    /// [`SealError::Content`] when the writer did not follow the form.
    pub fn decode(plain: &[u8]) -> Result<Self, SealError> {
        Self::parse(plain).ok_or(SealError::Content)
    }

    fn parse(plain: &[u8]) -> Option<Self> {
        let mut input = Decoder::new(plain);
        let (mut texts, mut document) = ([const { None }; 8], None);
        let mut last_key = 0;
        for _ in 0..input.map().ok()?? {
            let key = input.u8().ok().filter(|key| *key > last_key)?;
            last_key = key;
            if key == 2 {
                document = DocumentType::try_from(input.u8().ok()?).ok();
            } else {
                let slot: &mut Option<Sensitive<String>> = texts.get_mut(usize::from(key) - 1)?;
                *slot = Some(Sensitive::new(input.str().ok()?.to_owned()));
            }
        }
        if input.position() != plain.len() {
            return None;
        }
        let [name, _, number, telephone, address, remark, born, state] = texts;
        let (name, document, number) = (name?, document?, number?);
        let telephone = match telephone {
            Some(text) => Some(Telephone::from_text(text.expose())?),
            None => None,
        };
        Some(Self { name, document, number, telephone, address, remark, born, state })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::date;

    use super::*;
    use crate::limits::SEALED_PLAIN_BYTES_MAX;

    const DAY: Date = date!(2022 - 04 - 09);

    fn text(text: &str) -> Sensitive<String> {
        Sensitive::new(text.to_owned())
    }

    fn details() -> Details {
        Details {
            name: text("张三"),
            document: DocumentType::IdentityCard,
            number: text("11010519491231002X"),
            telephone: Some(Telephone::Number(text("13800000000"))),
            address: None,
            remark: None,
            born: None,
            state: None,
        }
    }

    #[test]
    fn sealed_details_open_again_and_show_nothing_before() {
        let (secret, public) = SealSecret::derive(&[1; 32]);
        let sealed = seal(&public, DAY, [2; 32], &details()).unwrap();
        assert_eq!(open(&secret, DAY, &sealed).unwrap(), details());
        assert_eq!(open(&secret, date!(2022 - 04 - 10), &sealed), Err(SealError::NotForThisKey));
        assert!(!sealed.windows(11).any(|window| window == b"13800000000"));
    }

    #[test]
    fn details_as_they_were_sealed_before_references_read_as_ever() {
        let old = [
            &[0xa4, 1, 0x66][..],
            "张三".as_bytes(),
            &[2, 1, 3, 0x72],
            b"11010519491231002X",
            &[4, 0x6b],
            b"13800000000",
        ]
        .concat();
        assert_eq!(Details::decode(&old), Ok(details()));
        assert_eq!(details().encode().unwrap().as_slice(), old);
    }

    #[test]
    fn a_telephone_given_before_is_sealed_as_the_registration_it_was_given_at() {
        let telephone = Some(Telephone::AsIn("00112233445566778899aabbccddeeff:7".parse().unwrap()));
        let later = Details { telephone, ..details() };
        let plain = later.encode().unwrap();
        // To a reader that knows of numbers only it is a text that a person can follow.
        assert!(plain.ends_with(b"\x04\x78\x28as in 00112233445566778899aabbccddeeff:7"), "{plain:02x?}");
        assert_eq!(Details::decode(&plain), Ok(later));
        let broken = [&plain[..plain.len() - 1], b"x"].concat();
        assert_eq!(Details::decode(&broken), Err(SealError::Content));
    }

    #[test]
    fn details_beyond_the_bound_are_refused() {
        let (_, public) = SealSecret::derive(&[1; 32]);
        let long = Details { remark: Some(text(&"长".repeat(SEALED_PLAIN_BYTES_MAX / 3))), ..details() };
        assert!(matches!(seal(&public, DAY, [2; 32], &long), Err(SealError::TooLong { .. })));
    }

    #[test]
    fn maps_with_keys_twice_out_of_order_unknown_or_missing_are_malformed() {
        let good = details().encode().unwrap();
        assert!(Details::decode(&good).is_ok());
        for bad in [
            &[0xa0][..],
            &[0xa1, 1, 0x60],
            &[0xa4, 1, 0x60, 2, 1, 3, 0x60, 3, 0x60],
            &[0xa3, 2, 1, 1, 0x60, 3, 0x60],
            &[0xa4, 1, 0x60, 2, 1, 3, 0x60, 9, 0x60],
            &[0xa3, 1, 0x60, 2, 0, 3, 0x60],
            &[0xbf, 1, 0x60, 2, 1, 3, 0x60, 0xff],
            &[good.as_slice(), &[0]].concat(),
        ] {
            assert_eq!(Details::decode(bad), Err(SealError::Content), "{bad:02x?}");
        }
    }

    proptest! {
        #[test]
        fn details_read_as_they_were_written(name in "\\PC{0,20}", address in proptest::option::of("\\PC{0,40}")) {
            let details = Details { name: text(&name), address: address.as_deref().map(text), ..details() };
            prop_assert_eq!(Details::decode(&details.encode().unwrap()), Ok(details));
        }

        #[test]
        fn any_content_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Details::decode(&bytes);
        }
    }
}
