//! Check 11: what makes a live code live.

use ed25519_dalek::VerifyingKey;

use super::Reason;
use crate::code::OfKind;
use crate::code::parse::{CredentialRef, Times};
use crate::cose::Sign1;
use crate::policy::Policy;

/// The raw key of the phone a credential is bound to; only a live credential has one.
pub(super) const fn device(credential: &CredentialRef<'_>) -> Result<[u8; 32], Reason> {
    match credential.of_kind {
        OfKind::Live { device } => Ok(device),
        OfKind::Static | OfKind::Relative { .. } | OfKind::Paper { .. } => Err(Reason::BadEncoding),
    }
}

/// The presentation is signed by that phone.
pub(super) fn signed_by(sign1: &Sign1<'_>, device: &[u8; 32]) -> Result<(), Reason> {
    let key = VerifyingKey::from_bytes(device).map_err(|_| Reason::BadSignature)?;
    sign1.verify(&key).map_err(|_| Reason::BadSignature)
}

/// The presentation was signed just now; returns the last second of its window.
///
/// Before the window the phone's clock is ahead. After it, the code was not drawn just now: a screenshot, or a phone
/// whose clock is behind by more than the skew, which nothing in the code can tell apart.
pub(super) fn window(now_s: u64, times: Times, policy: &Policy) -> Result<u64, Reason> {
    if now_s.saturating_add(policy.live_skew_s) < times.iat_s {
        return Err(Reason::ClockOfThePhone);
    }
    let window_end_s = times.exp_s.saturating_add(policy.live_skew_s);
    if now_s > window_end_s { Err(Reason::Screenshot) } else { Ok(window_end_s) }
}
