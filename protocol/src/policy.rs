//! The policy: every value the authority may set, in one place, with its default.

use std::convert::Infallible;

use ed25519_dalek::{SigningKey, VerifyingKey};
use minicbor::{Decoder, Encoder};
use serde::{Deserialize, Serialize};

use crate::cbor;
use crate::code::Kind;
use crate::cose::{self, Algorithm, CoseError, Header};
use crate::limits::{LEGACY_PREFIXES_MAX, POLICY_BYTES_MAX};
use crate::time::DAY_S;

/// Header type of a signed policy.
const TYP: &str = "swabmesh-policy";
/// Longest validity a policy may set for a code, in days: ten years.
const CODE_DAYS_MAX: u64 = 3_660;

/// When the desk may show a registration as accepted (R2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acknowledge {
    /// On this machine's disk.
    #[default]
    Local,
    /// On a neighbour's disk as well.
    Neighbour,
}

impl<C> minicbor::Encode<C> for Acknowledge {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u8(*self as u8)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Acknowledge {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        match d.u8()? {
            0 => Ok(Self::Local),
            1 => Ok(Self::Neighbour),
            _ => Err(minicbor::decode::Error::message("acknowledge is 0 or 1")),
        }
    }
}

/// Why a policy is not taken or not signed; the one held stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not signed by the root, or not strict CBOR. The sender is at fault.
    #[error("the policy is not signed by the pinned root key: {0}")]
    Cose(#[from] CoseError),
    /// Signed, but not a map of integers to values of their types. The authority is at fault.
    #[error("the policy has another shape")]
    Shape,
    /// A value nobody can work with. The authority is at fault.
    #[error("the policy sets `{0}` to a value out of its range")]
    Range(&'static str),
    /// Longer than a fact should be.
    #[error("the policy has more than {POLICY_BYTES_MAX} bytes")]
    TooLong,
}

/// States every value once: its key on the wire, name (also in JSON), type and default.
macro_rules! policy {
    ($($(#[$doc:meta])* $key:literal $name:ident: $type:ty = $default:expr;)*) => {
        /// Every value the authority may set.
        ///
        /// In JSON missing names take their defaults and unknown ones are ignored; on the wire it is a COSE_Sign1 by
        /// the root of a map with the integer keys below, with the same rule, so old and new nodes read each other.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Policy {
            $($(#[$doc])* pub $name: $type,)*
        }

        impl Default for Policy {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Policy {
            fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Result<(), minicbor::encode::Error<Infallible>> {
                e.map([$($key),*].len() as u64)?;
                $(e.u64($key)?.encode(&self.$name)?;)*
                Ok(())
            }

            fn read(d: &mut Decoder<'_>) -> Result<Self, minicbor::decode::Error> {
                let mut policy = Self::default();
                for _ in 0..d.map()?.unwrap_or_default() {
                    match d.u64()? {
                        $($key => policy.$name = d.decode()?,)*
                        _ => d.skip()?,
                    }
                }
                Ok(policy)
            }
        }
    };
}

policy! {
    /// Grows with every policy the root signs; 0 is the defaults.
    1 version: u64 = 0;
    /// Days a static code is valid (C1).
    2 static_days: u64 = 30;
    /// Days a relative's code is valid (C4).
    3 relative_days: u64 = 30;
    /// Days a paper code is valid (C3).
    4 paper_days: u64 = 180;
    /// Days a live credential is valid before the phone fetches another (C5).
    5 live_days: u64 = 30;
    /// Seconds a live presentation is valid.
    6 live_life_s: u64 = 30;
    /// Seconds a phone's clock may differ from the site's.
    7 live_skew_s: u64 = 30;
    /// Seconds an issuer's clock may be ahead of the site's.
    8 iat_skew_s: u64 = 300;
    /// Seconds after which a status list is too old to be silent about (C8). Source: guess, one working day.
    9 list_stale_after_s: u64 = DAY_S;
    /// Prefixes of codes of retired services (C7); letter case does not matter.
    10 legacy_prefixes: Vec<String> = vec!["JKY:".to_owned()];
    /// When the old service was retired, seconds since 1970 UTC: 9 April 2022, 00:00 in Shanghai (C7).
    11 cut_over_s: u64 = 1_649_433_600;
    /// Seconds inside which the same person again is a duplicate (R3).
    12 duplicate_window_s: u64 = DAY_S;
    /// People in one tube unless the operator chooses otherwise: 1, 5, 10 or 20 (R4).
    13 pool_size: u8 = 10;
    /// Days after which personal details are destroyed (P3). Source: guess.
    14 retention_days: u64 = 60;
    /// When a registration may be shown as accepted (R2).
    15 acknowledge: Acknowledge = Acknowledge::Local;
    /// Milliseconds between two custody receipts of the authority for one cell (N4). Source: guess.
    16 receipt_interval_ms: u64 = 5_000;
    /// Milliseconds a verdict waits for a neighbour's disk, if it must, before it is amber. Source: a verdict under a second.
    17 neighbour_wait_ms: u64 = 700;
}

impl Policy {
    /// Seconds a code of this kind may be valid.
    #[must_use]
    pub const fn lifetime_s(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Static => self.static_days.saturating_mul(DAY_S),
            Kind::Relative => self.relative_days.saturating_mul(DAY_S),
            Kind::Paper => self.paper_days.saturating_mul(DAY_S),
            Kind::LiveCredential => self.live_days.saturating_mul(DAY_S),
            Kind::LivePresentation => self.live_life_s,
        }
    }

    /// Whether a folded text is a code of a retired service.
    #[must_use]
    pub fn is_legacy(&self, text: &str) -> bool {
        let begins = |prefix: &String| text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        self.legacy_prefixes.iter().any(|prefix| !prefix.is_empty() && begins(prefix))
    }

    /// Takes the other policy if it is newer; tells whether it did. Equal versions are decided by their bytes.
    pub fn merge(&mut self, other: Self) -> bool {
        let newer = (other.version, other.payload()) > (self.version, self.payload());
        if newer {
            *self = other;
        }
        newer
    }

    /// Checks that every value can be worked with.
    ///
    /// # Errors
    /// [`PolicyError::Range`] naming the first that cannot.
    pub fn check(&self) -> Result<(), PolicyError> {
        let days = [
            ("static_days", self.static_days),
            ("relative_days", self.relative_days),
            ("paper_days", self.paper_days),
            ("live_days", self.live_days),
        ];
        for (name, days) in days {
            if !(1..=CODE_DAYS_MAX).contains(&days) {
                return Err(PolicyError::Range(name));
            }
        }
        let prefix_fits = |prefix: &String| (1..=16).contains(&prefix.len()) && prefix.is_ascii();
        if self.legacy_prefixes.len() > LEGACY_PREFIXES_MAX || !self.legacy_prefixes.iter().all(prefix_fits) {
            return Err(PolicyError::Range("legacy_prefixes"));
        }
        if !matches!(self.pool_size, 1 | 5 | 10 | 20) {
            return Err(PolicyError::Range("pool_size"));
        }
        if self.receipt_interval_ms == 0 {
            return Err(PolicyError::Range("receipt_interval_ms"));
        }
        Ok(())
    }

    /// Signs the policy with the root key.
    ///
    /// # Errors
    /// [`PolicyError::Range`] or [`PolicyError::TooLong`].
    pub fn sign(&self, root: &SigningKey, alg: Algorithm) -> Result<Vec<u8>, PolicyError> {
        self.check()?;
        let bytes = cose::sign(alg, Header { kid: None, typ: Some(TYP) }, &self.payload(), root);
        if bytes.len() > POLICY_BYTES_MAX { Err(PolicyError::TooLong) } else { Ok(bytes) }
    }

    /// Opens a policy signed by the pinned root.
    ///
    /// # Errors
    /// A [`PolicyError`] that says whose fault it is.
    pub fn open(bytes: &[u8], root: &VerifyingKey) -> Result<Self, PolicyError> {
        if bytes.len() > POLICY_BYTES_MAX {
            return Err(PolicyError::TooLong);
        }
        let payload = cose::open(bytes, TYP, root)?;
        let policy = Self::read(&mut Decoder::new(payload)).map_err(|_| PolicyError::Shape)?;
        policy.check()?;
        Ok(policy)
    }

    fn payload(&self) -> Vec<u8> {
        cbor::encode(|e| self.write(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor::Order;

    fn root() -> SigningKey {
        SigningKey::from_bytes(&[1; 32])
    }

    fn signed(payload: &[u8]) -> Vec<u8> {
        cose::sign(Algorithm::EdDsa, Header { kid: None, typ: Some(TYP) }, payload, &root())
    }

    #[test]
    fn a_signed_policy_opens_as_it_was() {
        let policy = Policy { version: 7, acknowledge: Acknowledge::Neighbour, pool_size: 20, ..Policy::default() };
        let bytes = policy.sign(&root(), Algorithm::EdDsa).unwrap();
        assert_eq!(Policy::open(&bytes, &root().verifying_key()), Ok(policy.clone()));
        assert_eq!(cbor::check(&policy.payload(), Order::Sorted), Ok(()));
    }

    #[test]
    fn an_old_node_ignores_what_a_newer_policy_adds_and_fills_in_what_an_older_lacks() {
        let bytes = signed(&cbor::encode(|e| e.map(2)?.u8(4)?.u8(90)?.u16(999)?.str("new")?.ok()));
        let policy = Policy::open(&bytes, &root().verifying_key()).unwrap();
        assert_eq!(policy, Policy { paper_days: 90, ..Policy::default() });
    }

    #[test]
    fn values_nobody_can_work_with_are_refused() {
        let bytes = signed(&cbor::encode(|e| e.map(1)?.u8(13)?.u8(7)?.ok()));
        assert_eq!(Policy::open(&bytes, &root().verifying_key()), Err(PolicyError::Range("pool_size")));
        let never = Policy { static_days: 0, ..Policy::default() };
        assert_eq!(never.sign(&root(), Algorithm::EdDsa), Err(PolicyError::Range("static_days")));
    }

    #[test]
    fn a_trust_list_is_not_a_policy() {
        let bytes = crate::trust::TrustList::default().sign(&root(), Algorithm::EdDsa).unwrap();
        assert_eq!(Policy::open(&bytes, &root().verifying_key()), Err(PolicyError::Cose(CoseError::Type)));
    }

    #[test]
    fn legacy_prefixes_are_told_whatever_their_case() {
        let policy = Policy { legacy_prefixes: vec!["jky:".into(), String::new()], ..Policy::default() };
        assert!(policy.is_legacy("JKY:1"));
        assert!(!policy.is_legacy("JK") && !policy.is_legacy("健康云:1"));
    }
}
