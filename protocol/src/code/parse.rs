//! Reads the bytes of a code without judging it: every claim present, of its type, length and range.
//!
//! Claims may stand in any order (other issuers' libraries choose their own). Claims and body keys this format
//! does not know are ignored, as RFC 8392 §3 asks; a known one in a kind that does not have it is refused.

use minicbor::Decoder;

use super::{Category, Credential, Kind, OfKind, StatusRef, body, claim};
use crate::cbor::{self, CborError, Order};
use crate::cose::{CoseError, Sign1};
use crate::id::{CodeId, Person};
use crate::limits::MASKED_NAME_BYTES_MAX;

/// Why bytes are not a code. Their issuer is at fault, or a scanner that cut them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// The envelope is not one.
    #[error(transparent)]
    Cose(#[from] CoseError),
    /// The payload is not strict CBOR.
    #[error("in the payload: {0}")]
    Cbor(#[from] CborError),
    /// The payload or its body is no map, or has a key that is no integer.
    #[error("the payload is not a map of claims with a body")]
    Shape,
    /// A claim is missing, of the wrong type, or out of its range.
    #[error("claim {0} is missing, of the wrong type or out of range")]
    Claim(i64),
    /// A key of the body is missing, of the wrong type, out of its range, or not of this kind.
    #[error("key {0} of the body is missing, of the wrong type, out of range or not of this kind")]
    Body(i64),
    /// The code expires before it is issued.
    #[error("the code expires before it is issued")]
    Times,
    /// The key id is not eight bytes, or stands where none belongs.
    #[error("the key id is not 8 bytes, or stands in a presentation")]
    KeyId,
}

/// The bytes of one code, read and not yet judged.
#[derive(Debug, Clone, Copy)]
pub struct Code<'b> {
    /// The envelope around the claims.
    pub sign1: Sign1<'b>,
    /// What it says, unproven.
    pub content: Content<'b>,
}

/// What a code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'b> {
    /// Signed by an issuer.
    Credential(CredentialRef<'b>),
    /// Signed by a phone.
    Presentation(PresentationRef<'b>),
}

/// A [`Credential`] that borrows its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialRef<'b> {
    /// Issued, expires, own identifier.
    pub times: Times,
    /// Whose code it is.
    pub person: Person,
    /// See [`Credential::masked_name`].
    pub masked_name: &'b str,
    /// See [`Credential::document_type`].
    pub document_type: u8,
    /// See [`Credential::last_four`].
    pub last_four: &'b str,
    /// Where it is revoked.
    pub status: StatusRef,
    /// What only this kind has.
    pub of_kind: OfKind,
}

impl CredentialRef<'_> {
    /// Copies the texts.
    #[must_use]
    pub fn to_credential(&self) -> Credential {
        Credential {
            iat_s: self.times.iat_s,
            exp_s: self.times.exp_s,
            cti: self.times.cti,
            person: self.person,
            masked_name: self.masked_name.to_owned(),
            document_type: self.document_type,
            last_four: self.last_four.to_owned(),
            status: self.status,
            of_kind: self.of_kind,
        }
    }
}

/// What a phone signed: its own times around the whole credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentationRef<'b> {
    /// Of this presentation.
    pub times: Times,
    /// The live credential as the issuer signed it.
    pub credential: &'b [u8],
}

/// The claims every code has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Issued at, seconds since 1970 UTC.
    pub iat_s: u64,
    /// Expires at, seconds since 1970 UTC; later than `iat_s`.
    pub exp_s: u64,
    /// Random identifier.
    pub cti: CodeId,
}

impl<'b> Code<'b> {
    /// Reads the bytes of one code.
    ///
    /// # Errors
    /// The first fault met. The algorithm and the signature are not looked at.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, CodeError> {
        let sign1 = Sign1::parse(bytes, Order::Any)?;
        cbor::check(sign1.payload, Order::Any)?;
        let claims = Claims::read(sign1.payload)?;
        let content = claims.content()?;
        let kid_fits = match content {
            Content::Credential(_) => sign1.header.kid.is_none_or(|kid| kid.len() == 8),
            Content::Presentation(_) => sign1.header.kid.is_none(),
        };
        if !kid_fits || sign1.header.typ.is_some() {
            return Err(CodeError::KeyId);
        }
        Ok(Self { sign1, content })
    }
}

/// Everything that stands in the payload, each in its type; which of it must be there depends on the kind.
#[derive(Default)]
struct Claims<'b> {
    exp_s: Option<u64>,
    iat_s: Option<u64>,
    cti: Option<CodeId>,
    device: Option<[u8; 32]>,
    unknown: bool,
    body: Option<Body<'b>>,
}

#[derive(Default)]
struct Body<'b> {
    kind: Option<Kind>,
    person: Option<Person>,
    masked_name: Option<&'b str>,
    document_type: Option<u8>,
    last_four: Option<&'b str>,
    guardian: Option<Person>,
    category: Option<Category>,
    status: Option<StatusRef>,
    serial: Option<u64>,
    credential: Option<&'b [u8]>,
    keys: u64,
}

impl<'b> Claims<'b> {
    fn read(payload: &'b [u8]) -> Result<Self, CodeError> {
        let mut claims = Self::default();
        let mut d = Decoder::new(payload);
        for _ in 0..map_len(&mut d)? {
            let key = d.i64().map_err(|_| CodeError::Shape)?;
            let wrong = |_| CodeError::Claim(key);
            match key {
                claim::EXP => claims.exp_s = Some(d.u64().map_err(wrong)?),
                claim::IAT => claims.iat_s = Some(d.u64().map_err(wrong)?),
                claim::CTI => claims.cti = Some(CodeId(fixed(&mut d).ok_or(CodeError::Claim(key))?)),
                claim::CNF => claims.device = Some(confirmation(&mut d).ok_or(CodeError::Claim(key))?),
                claim::BODY => claims.body = Some(Body::read(&mut d)?),
                _ => {
                    claims.unknown = true;
                    d.skip().map_err(wrong)?;
                }
            }
        }
        Ok(claims)
    }

    fn content(&self) -> Result<Content<'b>, CodeError> {
        let body = self.body.as_ref().ok_or(CodeError::Claim(claim::BODY))?;
        let kind = body.kind.ok_or(CodeError::Body(body::KIND))?;
        let times = Times {
            iat_s: self.iat_s.ok_or(CodeError::Claim(claim::IAT))?,
            exp_s: self.exp_s.ok_or(CodeError::Claim(claim::EXP))?,
            cti: self.cti.ok_or(CodeError::Claim(claim::CTI))?,
        };
        if times.exp_s <= times.iat_s {
            return Err(CodeError::Times);
        }
        if (kind == Kind::LiveCredential) != self.device.is_some() {
            return Err(CodeError::Claim(claim::CNF));
        }
        if kind == Kind::LivePresentation {
            return match body.credential {
                Some(credential) if body.keys == 2 && !self.unknown => {
                    Ok(Content::Presentation(PresentationRef { times, credential }))
                }
                _ => Err(CodeError::Body(body::CREDENTIAL)),
            };
        }
        Ok(Content::Credential(CredentialRef {
            times,
            person: body.person.ok_or(CodeError::Body(body::PERSON))?,
            masked_name: body.masked_name.ok_or(CodeError::Body(body::MASKED_NAME))?,
            document_type: body.document_type.ok_or(CodeError::Body(body::DOCUMENT_TYPE))?,
            last_four: body.last_four.ok_or(CodeError::Body(body::LAST_FOUR))?,
            status: body.status.ok_or(CodeError::Body(body::STATUS))?,
            of_kind: body.of_kind(kind, self.device)?,
        }))
    }
}

impl<'b> Body<'b> {
    fn read(d: &mut Decoder<'b>) -> Result<Self, CodeError> {
        let mut body = Self { keys: map_len(d)?, ..Self::default() };
        for _ in 0..body.keys {
            let key = d.i64().map_err(|_| CodeError::Shape)?;
            body.read_value(key, d).ok_or(CodeError::Body(key))?;
        }
        Ok(body)
    }

    /// Reads the value of one key; `None` when it is of the wrong type or out of range.
    fn read_value(&mut self, key: i64, d: &mut Decoder<'b>) -> Option<()> {
        match key {
            body::KIND => self.kind = Some(Kind::from_number(d.u8().ok()?)?),
            body::PERSON => self.person = Some(Person(fixed(d)?)),
            body::MASKED_NAME => self.masked_name = Some(d.str().ok().filter(|name| is_masked_name(name))?),
            body::DOCUMENT_TYPE => self.document_type = Some(d.u8().ok().filter(|kind| is_document_type(*kind))?),
            body::LAST_FOUR => self.last_four = Some(d.str().ok().filter(|four| is_last_four(four))?),
            body::GUARDIAN => self.guardian = Some(Person(fixed(d)?)),
            body::CATEGORY => self.category = Some(Category::from_number(d.u8().ok()?)?),
            body::STATUS => self.status = Some(status(d)?),
            body::SERIAL => self.serial = Some(d.u64().ok()?),
            body::CREDENTIAL => self.credential = Some(d.bytes().ok()?),
            _ => d.skip().ok()?,
        }
        Some(())
    }

    fn of_kind(&self, kind: Kind, device: Option<[u8; 32]>) -> Result<OfKind, CodeError> {
        let foreign = |present, key| if present { Err(CodeError::Body(key)) } else { Ok(()) };
        foreign(self.credential.is_some(), body::CREDENTIAL)?;
        foreign(self.guardian.is_some() && kind != Kind::Relative, body::GUARDIAN)?;
        foreign(self.category.is_some() && !matches!(kind, Kind::Relative | Kind::Paper), body::CATEGORY)?;
        foreign(self.serial.is_some() && kind != Kind::Paper, body::SERIAL)?;
        let category = self.category.ok_or(CodeError::Body(body::CATEGORY));
        Ok(match kind {
            Kind::Static => OfKind::Static,
            Kind::Relative => OfKind::Relative {
                guardian: self.guardian.ok_or(CodeError::Body(body::GUARDIAN))?,
                category: category?,
            },
            Kind::Paper => {
                OfKind::Paper { category: category?, serial: self.serial.ok_or(CodeError::Body(body::SERIAL))? }
            }
            Kind::LiveCredential => OfKind::Live { device: device.ok_or(CodeError::Claim(claim::CNF))? },
            Kind::LivePresentation => return Err(CodeError::Body(body::KIND)),
        })
    }
}

/// Whether a masked name fits: 1 to 64 bytes, nothing that would garble a desk's screen.
pub(super) fn is_masked_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MASKED_NAME_BYTES_MAX && !name.contains(char::is_control)
}

/// Whether it is a type of document.
pub(super) const fn is_document_type(document_type: u8) -> bool {
    matches!(document_type, 1..=9)
}

/// Whether these are the last four characters of a document's number.
pub(super) fn is_last_four(four: &str) -> bool {
    four.chars().count() == 4 && !four.contains(char::is_control)
}

fn map_len(d: &mut Decoder<'_>) -> Result<u64, CodeError> {
    d.map().ok().flatten().ok_or(CodeError::Shape)
}

fn fixed<const N: usize>(d: &mut Decoder<'_>) -> Option<[u8; N]> {
    d.bytes().ok()?.try_into().ok()
}

fn status(d: &mut Decoder<'_>) -> Option<StatusRef> {
    if d.array().ok()? != Some(2) {
        return None;
    }
    Some(StatusRef { list: d.u32().ok()?, index: d.u32().ok()? })
}

/// `{1: COSE_Key{1: 1 (OKP), -1: 6 (Ed25519), -2: x}}` (RFC 8747 §3.2); other members of the key are ignored.
fn confirmation(d: &mut Decoder<'_>) -> Option<[u8; 32]> {
    if d.map().ok()? != Some(1) || d.u8().ok()? != 1 {
        return None;
    }
    let (mut is_okp, mut is_ed25519, mut x) = (false, false, None);
    for _ in 0..d.map().ok()?? {
        match d.i64().ok()? {
            1 => is_okp = d.i64().ok()? == 1,
            -1 => is_ed25519 = d.i64().ok()? == 6,
            -2 => x = Some(fixed(d)?),
            _ => d.skip().ok()?,
        }
    }
    x.filter(|_| is_okp && is_ed25519)
}
