//! What an operator may set about a node: `node.toml`, then the environment, then flags; the last word holds.
//!
//! Every value is stated once, as a row of the table of settings: its key, what it must look like, where it goes.
//! The environment variable of `store.cache_mib` is `SWABMESH_STORE_CACHE_MIB`; lists are separated by commas there.

mod nearest;
mod setting;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Serialize;
use swabmesh_protocol::certificate::RENEWED_BEFORE_S;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::Lane;
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::DAY_S;

use self::setting::{Given, SETTINGS, Setting};
use crate::runtime::Carrying;

/// Beginning of every environment variable.
const ENVIRONMENT_PREFIX: &str = "SWABMESH_";

/// The default of [`Config::renew_days`]: from when on everybody else says that a certificate ends soon.
#[expect(clippy::cast_possible_truncation, reason = "a few days")]
const RENEW_DAYS: u16 = (RENEWED_BEFORE_S / DAY_S) as u16;

/// A node's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What the node is, or asks to be.
    pub role: Role,
    /// What people call it. The certificate holds once there is one.
    pub name: Text<32>,
    /// Its cell; city-wide for the authority and for laboratories. The certificate holds once there is one.
    pub cell: Lane,
    /// Where pages and API are served. Anything but loopback exposes them to the network.
    pub http_listen: SocketAddr,
    /// Where pages are served over TLS, for tablets on the LAN; nowhere if unset.
    pub https_listen: Option<SocketAddr>,
    /// Where other nodes reach this one, `IP:PORT` or multiaddresses.
    pub listen: Vec<String>,
    /// Addresses of neighbours that mDNS does not find.
    pub peers: Vec<String>,
    /// Addresses of the authority; none means those of the join answer. On the authority: what answers carry.
    pub authority_addresses: Vec<String>,
    /// Whether neighbours are looked for on the LAN.
    pub mdns: bool,
    /// How fast bytes may cross, and when the authority may be dialled.
    pub carrying: Carrying,
    /// Days before its end at which an authority renews a member's certificate, 15..=365, default 30; sooner than a third
    /// of the validity before its end it never does.
    pub renew_days: u16,
    /// Bounds of the store.
    pub store: StoreLimits,
    /// The log of the process.
    pub log: Log,
}

/// Bounds of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// Memory for the index's pages, MiB, default 16: a desk computer. An authority wants thousands.
    pub cache_mib: u64,
    /// Space that stays free on the file system, MiB, default 64; below it nothing new is taken.
    pub floor_mib: u64,
}

/// The log of the process, on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// Which lines, as `tracing` filters are written: `info`, `warn,swabmesh_node=debug`.
    pub filter: String,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In this file.
    File(PathBuf),
    /// In this environment variable.
    Environment(String),
    /// On the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::Flag(flag) => write!(f, "flag --{flag}"),
        }
    }
}

/// Why a configuration is not taken. Its writer is at fault; nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No such file.
    #[error(
        "{path} does not exist: make the node with `swabmesh authority|site|lab init`, or name its directory with --data"
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("{path} cannot be read: check its owner and permissions")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("{path} is not TOML: put this right\n{message}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Line, column and what was expected.
        message: String,
    },
    /// A key that is none.
    #[error("{origin}: `{key}` is not a setting{}", suggest(.nearest, .key))]
    UnknownKey {
        /// Where.
        origin: Origin,
        /// What was written.
        key: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// A value that its key does not take.
    #[error("{origin}: `{key}` must be {expected}, not `{found}`: put it right, or remove it to use the default")]
    Value {
        /// Where.
        origin: Origin,
        /// Which key.
        key: &'static str,
        /// What was written.
        found: String,
        /// What it must look like.
        expected: &'static str,
    },
    /// A value without which there is no node.
    #[error("{path} does not say `{key}`: add it")]
    Required {
        /// Which file.
        path: PathBuf,
        /// Which key.
        key: &'static str,
    },
}

fn suggest(nearest: &Option<String>, key: &str) -> String {
    match nearest {
        Some(nearest) => format!(": write `{nearest}`"),
        None => format!(": remove `{key}`; the settings are {}", SETTINGS.map(|setting| setting.key).join(", ")),
    }
}

/// A value given on the command line.
#[derive(Debug, Clone)]
pub struct Flag {
    /// The setting's key.
    pub key: &'static str,
    /// Its values; settings that are no lists take one.
    pub values: Vec<String>,
}

impl Config {
    /// The defaults of a role, before anything is set.
    #[must_use]
    pub fn new(role: Role, name: Text<32>, cell: Lane) -> Self {
        let http_port = match role {
            Role::Authority => 7_400,
            Role::Site => 7_410,
            Role::Lab => 7_420,
        };
        Self {
            role,
            name,
            cell,
            http_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, http_port)),
            https_listen: None,
            listen: vec!["0.0.0.0:4001".to_owned()],
            peers: Vec::new(),
            authority_addresses: Vec::new(),
            mdns: true,
            carrying: Carrying::default(),
            renew_days: RENEW_DAYS,
            store: StoreLimits { cache_mib: 16, floor_mib: 64 },
            log: Log { format: LogFormat::Human, filter: "info".to_owned() },
        }
    }

    /// Reads a file, then lays the environment and the flags over it.
    ///
    /// # Errors
    /// [`ConfigError`], which names the place, the key and what to do.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = Flag>,
    ) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| {
            let path = path.to_owned();
            let missing = source.kind() == std::io::ErrorKind::NotFound;
            if missing { ConfigError::Missing { path } } else { ConfigError::Read { path, source } }
        })?;
        let table = text
            .parse::<toml::Table>()
            .map_err(|error| ConfigError::Syntax { path: path.to_owned(), message: error.to_string() })?;
        let mut config = Self::of_file(path, &table)?;
        for (variable, value) in environment {
            config.take_variable(&variable, value)?;
        }
        for Flag { key, values } in flags {
            let origin = Origin::Flag(key.replace('_', "-"));
            config.take(origin, key, &Given::Many(values))?;
        }
        Ok(config)
    }

    /// The file's own values over the defaults of the role it names.
    fn of_file(path: &Path, table: &toml::Table) -> Result<Self, ConfigError> {
        let mut given = Vec::new();
        flatten("", table, &mut given);
        let mut config = Self::new(Role::Site, Text::default(), Lane::CITY);
        let origin = || Origin::File(path.to_owned());
        // The role decides defaults, so it comes first wherever it stands.
        for key in ["role", "name"] {
            let Some((_, value)) = given.iter().find(|(found, _)| found == key) else {
                return Err(ConfigError::Required { path: path.to_owned(), key });
            };
            config.take(origin(), key, value)?;
        }
        config = Self::new(config.role, config.name, Lane::CITY);
        for (key, value) in &given {
            config.take(origin(), key, value)?;
        }
        Ok(config)
    }

    fn take(&mut self, origin: Origin, key: &str, given: &Given) -> Result<(), ConfigError> {
        let Some(Setting { key, expected, set }) = SETTINGS.iter().find(|setting| setting.key == key) else {
            let nearest = nearest::nearest(key, SETTINGS.iter().map(|setting| setting.key)).map(str::to_owned);
            return Err(ConfigError::UnknownKey { origin, key: key.to_owned(), nearest });
        };
        set(self, given).ok_or_else(|| ConfigError::Value { origin, key, found: given.to_string(), expected })
    }

    /// Variables of other meaning are left alone, misspelt ones are not.
    fn take_variable(&mut self, variable: &str, value: String) -> Result<(), ConfigError> {
        let Some(rest) = variable.strip_prefix(ENVIRONMENT_PREFIX) else { return Ok(()) };
        let variables = || SETTINGS.iter().map(|setting| (setting.key, setting.key.replace('.', "_").to_uppercase()));
        let origin = Origin::Environment(variable.to_owned());
        if let Some((key, _)) = variables().find(|(_, name)| name == rest) {
            return self.take(origin, key, &Given::One(value));
        }
        let names: Vec<String> = variables().map(|(_, name)| name).collect();
        match nearest::nearest(rest, names.iter().map(String::as_str)) {
            Some(meant) => Err(ConfigError::UnknownKey {
                origin,
                key: variable.to_owned(),
                nearest: Some(format!("{ENVIRONMENT_PREFIX}{meant}")),
            }),
            None => Ok(()),
        }
    }

    /// The file for this configuration: what has no sensible default, and the rest to be found as comments.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let list = |values: &[String]| {
            toml::Value::Array(values.iter().cloned().map(toml::Value::String).collect()).to_string()
        };
        let role = word_of(self.role);
        format!(
            "# Settings of this node. Each can be overridden: SWABMESH_HTTP_LISTEN for http_listen, and so on.\n\
             role = \"{role}\"\nname = {name}\ncell = {cell}\n\n\
             # Pages and API; anything but loopback exposes them to the network.\nhttp_listen = \"{http}\"\n\
             # Pages alone over TLS, for tablets on the LAN, whose cameras need it.\n{https}\n\
             # Where other nodes reach this one, neighbours that are not found by themselves, and the authority.\n\
             listen = {listen}\npeers = {peers}\nauthority_addresses = {authority}\nmdns = {mdns}\n\n\
             # For a slow or metered uplink. Times are of Asia/Shanghai; neighbours are not held to them.\n\
             # bandwidth_kbit = 2000\n# peer_bandwidth_kbit = 500\n# uplink_hours = [\"06:00-06:20\", \"22:00-22:30\"]\n\n\
             [store]\ncache_mib = {cache}\nfloor_mib = {floor}\n\n\
             [log]\nformat = \"{format}\"\nfilter = {filter}\n",
            name = quoted(self.name.as_str()),
            cell = self.cell.0,
            http = self.http_listen,
            https = match self.https_listen {
                Some(https) => format!("https_listen = \"{https}\""),
                None => "# https_listen = \"0.0.0.0:7443\"".to_owned(),
            },
            listen = list(&self.listen),
            peers = list(&self.peers),
            authority = list(&self.authority_addresses),
            mdns = self.mdns,
            cache = self.store.cache_mib,
            floor = self.store.floor_mib,
            format = match self.log.format {
                LogFormat::Human => "human",
                LogFormat::Json => "json",
            },
            filter = quoted(&self.log.filter),
        )
    }
}

/// The word for a role, as settings and commands have it.
#[must_use]
pub const fn word_of(role: Role) -> &'static str {
    match role {
        Role::Authority => "authority",
        Role::Site => "site",
        Role::Lab => "lab",
    }
}

/// Every leaf of a table with its dotted key.
fn flatten(prefix: &str, table: &toml::Table, given: &mut Vec<(String, Given)>) {
    let text = |value: &toml::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (key, value) in table {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if let Some(table) = value.as_table() {
            flatten(&key, table, given);
        } else if let Some(values) = value.as_array() {
            given.push((key, Given::Many(values.iter().map(text).collect())));
        } else {
            given.push((key, Given::One(text(value))));
        }
    }
}

#[cfg(test)]
mod tests;
