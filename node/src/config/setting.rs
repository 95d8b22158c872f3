//! The table of settings: each key, what it must look like, and where it goes.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::Lane;

use super::{Config, LogFormat};
use crate::network::{Hours, PeerAddress, PeerKind};

/// A value as somebody wrote it.
#[derive(Debug, Clone)]
pub(super) enum Given {
    /// One value, or a list separated by commas where a list is wanted.
    One(String),
    /// A list; where one value is wanted it must have one.
    Many(Vec<String>),
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(value) => f.write_str(value),
            Self::Many(values) => f.write_str(&values.join(", ")),
        }
    }
}

impl Given {
    fn one<T: FromStr>(&self) -> Option<T> {
        match self {
            Self::One(value) => value.parse().ok(),
            Self::Many(values) => match values.as_slice() {
                [value] => value.parse().ok(),
                _ => None,
            },
        }
    }

    fn within<T: FromStr + PartialOrd>(&self, range: std::ops::RangeInclusive<T>) -> Option<T> {
        self.one().filter(|value| range.contains(value))
    }

    fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let given: String = self.one()?;
        words.iter().find(|(word, _)| *word == given).map(|(_, meaning)| *meaning)
    }

    fn addresses(&self) -> Option<Vec<String>> {
        let all: Vec<&str> = match self {
            Self::One(value) => value.split(',').map(str::trim).filter(|value| !value.is_empty()).collect(),
            Self::Many(values) => values.iter().map(String::as_str).collect(),
        };
        let valid = all.iter().all(|value| PeerAddress::parse(value, PeerKind::Lan).is_ok());
        valid.then(|| all.into_iter().map(str::to_owned).collect())
    }
}

/// One setting.
pub(super) struct Setting {
    pub(super) key: &'static str,
    /// Completes "must be …".
    pub(super) expected: &'static str,
    pub(super) set: fn(&mut Config, &Given) -> Option<()>,
}

const ADDRESSES: &str = "a list of addresses such as 192.0.2.7:4001, authority.example:4001 or ws://192.0.2.7:443";

/// Puts a parsed value where it belongs.
macro_rules! set {
    ($($field:ident).+ = |$given:ident| $parse:expr) => {
        |config, $given| {
            config.$($field).+ = $parse?;
            Some(())
        }
    };
}

pub(super) const SETTINGS: [Setting; 17] = [
    Setting {
        key: "role",
        expected: "authority, site or lab",
        set: set!(
            role = |given| given.word(&[("authority", Role::Authority), ("site", Role::Site), ("lab", Role::Lab)])
        ),
    },
    Setting { key: "name", expected: "a name of 1 to 32 bytes", set: set!(name = |given| name(given)) },
    Setting {
        key: "cell",
        expected: "a number from 0 (city-wide) to 65534",
        set: set!(cell = |given| given.within(0..=Lane::PRIVATE.0 - 1).map(Lane)),
    },
    Setting {
        key: "http_listen",
        expected: "an address and a port such as 127.0.0.1:7410",
        set: set!(http_listen = |given| given.one()),
    },
    Setting {
        key: "https_listen",
        expected: "an address and a port such as 0.0.0.0:7443",
        set: set!(https_listen = |given| given.one().map(Some)),
    },
    Setting { key: "listen", expected: ADDRESSES, set: set!(listen = |given| given.addresses()) },
    Setting { key: "peers", expected: ADDRESSES, set: set!(peers = |given| given.addresses()) },
    Setting {
        key: "authority_addresses",
        expected: ADDRESSES,
        set: set!(authority_addresses = |given| given.addresses()),
    },
    Setting {
        key: "bandwidth_kbit",
        expected: RATE,
        set: set!(carrying.rates.node = |given| given.within(128..=10_000_000).map(bytes_per_s)),
    },
    Setting {
        key: "peer_bandwidth_kbit",
        expected: RATE,
        set: set!(carrying.rates.peer = |given| given.within(128..=10_000_000).map(bytes_per_s)),
    },
    Setting {
        key: "uplink_hours",
        expected: "a list of times such as 06:00-06:20",
        set: set!(carrying.uplink_hours = |given| hours(given)),
    },
    Setting {
        key: "renew_days",
        expected: "a number of days from 15 to 365",
        set: set!(renew_days = |given| given.within(15..=365)),
    },
    Setting { key: "mdns", expected: "true or false", set: set!(mdns = |given| given.one()) },
    Setting {
        key: "store.cache_mib",
        expected: "a number of MiB from 1 to 1048576",
        set: set!(store.cache_mib = |given| given.within(1..=1_048_576)),
    },
    Setting {
        key: "store.floor_mib",
        expected: "a number of MiB from 1 to 1048576",
        set: set!(store.floor_mib = |given| given.within(1..=1_048_576)),
    },
    Setting {
        key: "log.format",
        expected: "human or json",
        set: set!(log.format = |given| given.word(&[("human", LogFormat::Human), ("json", LogFormat::Json)])),
    },
    Setting {
        key: "log.filter",
        expected: "a filter such as info or warn,swabmesh_node=debug",
        set: set!(log.filter = |given| filter(given)),
    },
];

/// Below this a chunk of 256 KiB takes longer than a peer waits for one.
const RATE: &str = "a number of kbit/s from 128 to 10000000";

fn bytes_per_s(kbit: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(kbit.saturating_mul(1_000) / 8)
}

fn hours(given: &Given) -> Option<Hours> {
    let text = given.to_string();
    Hours::parse(text.split(',').map(str::trim).filter(|window| !window.is_empty())).ok()
}

fn name(given: &Given) -> Option<swabmesh_protocol::text::Text<32>> {
    given.one().filter(|name: &swabmesh_protocol::text::Text<32>| !name.is_empty())
}

fn filter(given: &Given) -> Option<String> {
    let text = given.to_string();
    text.parse::<tracing_subscriber::EnvFilter>().ok().map(|_| text)
}
