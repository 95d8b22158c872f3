//! Verdicts and their reasons: a closed set, in the order of the checks of docs/code-format.md.

use serde::{Deserialize, Serialize, Serializer};

/// What the desk shows (R1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Accepted.
    Green,
    /// Accepted with a warning the operator must see.
    Amber,
    /// Refused.
    Red,
}

impl Verdict {
    /// The word in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
        }
    }
}

/// States every reason once: its number in stored facts, its name, its verdict, and what a tired operator reads.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $verdict:ident,
        $words:literal, $chinese:literal, $next:literal;)*) => {
        /// Why a verdict is what it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[$doc])* $variant = $number,)*
        }

        impl Reason {
            /// Every reason, in the order of the checks.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in JSON, counters and vectors.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The verdict it leads to.
            #[must_use]
            pub const fn verdict(self) -> Verdict {
                match self { $(Self::$variant => Verdict::$verdict,)* }
            }

            /// The reason in words.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }

            /// The reason in Chinese.
            #[must_use]
            pub const fn chinese(self) -> &'static str {
                match self { $(Self::$variant => $chinese,)* }
            }

            /// What the operator does next.
            #[must_use]
            pub const fn next_step(self) -> &'static str {
                match self { $(Self::$variant => $next,)* }
            }
        }
    };
}

reasons! {
    /// Nothing is wrong.
    Ok = 0, "ok", Green, "the code is valid", "有效", "Register the person.";
    /// Check 2: a code of a retired service (C7).
    LegacyCode = 2, "legacy-code", Red, "a code of the retired service", "旧登记码已停用",
        "Ask for the new code or the paper code, or register with an identity document.";
    /// Check 3: some other text.
    NotACode = 3, "not-a-code", Red, "not a registration code", "不是核酸码",
        "Ask for the registration code, or register with an identity document.";
    /// Checks 4, 11, 12: damaged, or not made by an issuer of ours.
    BadEncoding = 4, "bad-encoding", Red, "the code is damaged or malformed", "码已损坏",
        "Scan again; if it fails again, register with an identity document.";
    /// Check 5: signed with another algorithm.
    UnsupportedAlgorithm = 5, "unsupported-algorithm", Red, "signed in a way this site does not accept", "签名算法不支持",
        "Register with an identity document, and tell the supervisor.";
    /// Check 6: no such issuer key, or not for that day.
    UnknownIssuer = 6, "unknown-issuer", Red, "the issuer is not on the trust list", "签发方不受信任",
        "Check that this site's trust list is up to date; register with an identity document meanwhile.";
    /// Check 6: the issuer's key was withdrawn (C9).
    IssuerWithdrawn = 7, "issuer-withdrawn", Red, "the issuer's key was withdrawn", "签发密钥已作废",
        "Ask the person to draw a new code; register with an identity document meanwhile.";
    /// Check 6: an example.
    Specimen = 8, "specimen", Red, "a specimen for training", "样码，仅供培训", "Ask for the person's own code.";
    /// Checks 7, 11: not signed by whom it names.
    BadSignature = 9, "bad-signature", Red, "the signature does not fit: altered or forged", "签名不符，疑似伪造",
        "Scan again; if it fails again, register with an identity document, and tell the supervisor.";
    /// Check 8: issued in the future.
    NotYetValid = 10, "not-yet-valid", Red, "issued in the future", "尚未生效",
        "Check this site's clock; register with an identity document meanwhile.";
    /// Check 9: valid for longer than the policy allows.
    LifetimeTooLong = 11, "lifetime-too-long", Red, "valid for longer than allowed", "有效期超出规定",
        "Register with an identity document, and tell the supervisor.";
    /// Check 10: expired.
    Expired = 12, "expired", Red, "the code has expired", "码已过期",
        "Ask the person to draw a new code, or register with an identity document.";
    /// Check 11: the phone's clock is ahead.
    ClockOfThePhone = 13, "clock-of-the-phone", Red, "the phone's clock is ahead", "手机时间不准",
        "Ask the person to set the phone's time to automatic and open the code again.";
    /// Check 11: a live code that is not live.
    Screenshot = 14, "screenshot", Red, "a screenshot of a live code", "截屏无效，请打开随申码",
        "Ask the person to open the live code; if the phone's clock is behind, set it to automatic.";
    /// Check 12: revoked (C8).
    Revoked = 15, "revoked", Red, "the code was revoked", "码已作废",
        "Ask for the newest code, or register with an identity document.";
    /// Check 13: the list that would say so is not here.
    ListMissing = 16, "list-missing", Amber, "this site has no revocation list for the code", "缺少作废名单",
        "Register the person; connect this site soon.";
    /// Check 13: the list is older than the policy says.
    ListStale = 17, "list-stale", Amber, "this site's revocation list is old", "作废名单过旧",
        "Register the person; connect this site soon.";
    /// Check 14: this presentation was used at another desk.
    Replayed = 18, "replayed", Red, "this live code was just used at another desk", "此码刚在别处使用",
        "Ask the person to open the code again on their own phone.";
    /// Check 15: this site's clock is not plausible (N6).
    ClockDoubtful = 19, "clock-doubtful", Amber, "this site's clock may be wrong", "本机时间可疑",
        "Register the person; check the clock.";
    /// Check 16: registered already (R3).
    AlreadyRegistered = 20, "already-registered", Amber, "registered already", "已登记",
        "Look at when, where and by whom; go on only with a reason.";
    /// After the checks: registered, and no other node holds it, although the policy asks for one (R2).
    OnlyHere = 21, "only-here", Amber, "registered, on this machine only", "已登记，仅存本机",
        "Go on; keep this machine safe, and connect it to a neighbour or the authority.";
}

impl Reason {
    /// The number in stored facts.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The reason with that number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.number() == number)
    }

    /// The reason with that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.name() == name)
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The reasons that hold at once, each once, in the order of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reasons(u32);

impl Reasons {
    /// Adds a reason; [`Reason::Ok`] adds nothing.
    pub fn insert(&mut self, reason: Reason) {
        if reason != Reason::Ok {
            self.0 |= 1 << reason.number();
        }
    }

    /// Whether a reason holds.
    #[must_use]
    pub const fn contains(self, reason: Reason) -> bool {
        self.0 >> reason.number() & 1 == 1
    }

    /// The reasons, in the order of the checks.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL.iter().copied().filter(move |reason| self.contains(*reason))
    }

    /// The worst verdict among them; green when there are none.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        self.iter().map(Reason::verdict).max().unwrap_or(Verdict::Green)
    }

    /// The reason shown for the verdict: the first of the worst; [`Reason::Ok`] when there are none.
    #[must_use]
    pub fn first(self) -> Reason {
        let verdict = self.verdict();
        self.iter().find(|reason| reason.verdict() == verdict).unwrap_or(Reason::Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_one_to_one_and_fit_a_set() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_number(reason.number()), Some(*reason));
            assert_eq!(Reason::from_name(reason.name()), Some(*reason));
            assert!(reason.number() < 32);
        }
    }

    #[test]
    fn the_worst_verdict_gives_the_reason_and_the_earliest_check_among_its_equals() {
        let mut reasons = Reasons::default();
        assert_eq!((reasons.verdict(), reasons.first()), (Verdict::Green, Reason::Ok));
        reasons.insert(Reason::AlreadyRegistered);
        reasons.insert(Reason::ListStale);
        assert_eq!((reasons.verdict(), reasons.first()), (Verdict::Amber, Reason::ListStale));
        reasons.insert(Reason::Replayed);
        assert_eq!((reasons.verdict(), reasons.first()), (Verdict::Red, Reason::Replayed));
        assert_eq!(reasons.iter().count(), 3);
    }
}
