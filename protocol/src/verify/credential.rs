//! Checks 5–10, 12 and 13: what holds for every credential, shown by itself or inside a presentation.

use super::{Knowledge, Reason, Refused};
use crate::code::parse::{Code, CredentialRef, Times};
use crate::code::{Kind, StatusRef};
use crate::policy::Policy;
use crate::status::Standing;
use crate::trust::{KeyStatus, Purpose};

/// Checks 5–10. What fails after the signature is refused with the proven content.
pub(super) fn issued(
    now_s: u64,
    code: &Code<'_>,
    credential: &CredentialRef<'_>,
    knowledge: &Knowledge,
) -> Result<(), Refused> {
    signature(now_s, code, credential.times, knowledge).map_err(Refused::unproven)?;
    let kind = credential.of_kind.kind();
    times(now_s, kind, credential.times, &knowledge.policy).map_err(|reason| Refused::proven(reason, kind, credential))
}

/// Checks 5–7: some trusted key with the named id, used in its time, made the signature.
///
/// An id has 8 bytes, so two keys may share one: every trusted key in its time is tried, and only when none is
/// trusted does the fate of one (withdrawn before specimen) become the reason.
///
/// A code that such a key signed outside its time is `unknown-issuer`, or `expired` when it has expired as well:
/// the vector `live-expired-credential` wants that, though check 10 comes after check 6. Both are refusals, and
/// the latter tells the person what helps.
fn signature(now_s: u64, code: &Code<'_>, times: Times, knowledge: &Knowledge) -> Result<(), Reason> {
    if code.sign1.alg.is_none() {
        return Err(Reason::UnsupportedAlgorithm);
    }
    let kid = code.sign1.header.kid.ok_or(Reason::UnknownIssuer)?;
    let keys = knowledge.trust.with_kid(Purpose::Codes, kid);
    let mut trusted = keys.clone().filter(|key| matches!(key.status, KeyStatus::Active | KeyStatus::Retired));
    if trusted.clone().next().is_none() {
        let any = |status| keys.clone().any(|key| key.status == status);
        return Err(match () {
            () if any(KeyStatus::Withdrawn) => Reason::IssuerWithdrawn,
            () if any(KeyStatus::Specimen) => Reason::Specimen,
            () => Reason::UnknownIssuer,
        });
    }
    let in_time = trusted.clone().any(|key| key.covers(times.iat_s));
    let signed = trusted.any(|key| key.covers(times.iat_s) == in_time && code.sign1.verify(&key.public).is_ok());
    match (in_time, signed) {
        (true, true) => Ok(()),
        (true, false) => Err(Reason::BadSignature),
        (false, true) if times.exp_s <= now_s => Err(Reason::Expired),
        (false, _) => Err(Reason::UnknownIssuer),
    }
}

/// Checks 8–10.
fn times(now_s: u64, kind: Kind, times: Times, policy: &Policy) -> Result<(), Reason> {
    if times.iat_s > now_s.saturating_add(policy.iat_skew_s) {
        return Err(Reason::NotYetValid);
    }
    lifetime(kind, times, policy)?;
    if times.exp_s <= now_s { Err(Reason::Expired) } else { Ok(()) }
}

/// Check 9.
pub(super) fn lifetime(kind: Kind, times: Times, policy: &Policy) -> Result<(), Reason> {
    let too_long = times.exp_s.saturating_sub(times.iat_s) > policy.lifetime_s(kind);
    if too_long { Err(Reason::LifetimeTooLong) } else { Ok(()) }
}

/// Checks 12 and 13: a refusal, or the warning that goes with acceptance ([`Reason::Ok`] for none).
pub(super) fn standing(now_s: u64, status: StatusRef, knowledge: &Knowledge) -> Result<Reason, Reason> {
    match knowledge.status.standing(status) {
        Standing::Known { revoked: true, .. } => Err(Reason::Revoked),
        Standing::OutOfRange => Err(Reason::BadEncoding),
        Standing::Missing => Ok(Reason::ListMissing),
        Standing::Known { revoked: false, issued_at_s } => {
            let stale = now_s.saturating_sub(issued_at_s) >= knowledge.policy.list_stale_after_s;
            Ok(if stale { Reason::ListStale } else { Reason::Ok })
        }
    }
}
