//! The API of a running node, as commands ask it.

mod offline;
mod progress;

use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use swabmesh_node::api::BASE;
use swabmesh_node::home::Home;
use swabmesh_node::http::problem::Problem;

use self::progress::{Counted, Progress};

/// Longest wait for an answer. Source: guess; a digest over a million documents takes minutes, everything else less.
const ANSWER_WITHIN: Duration = Duration::from_secs(300);

/// Bytes of one answer.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Bytes read or written at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Where a node's directory is unless somebody says otherwise.
pub(crate) const DATA_DEFAULT: &str = "swabmesh-data";

/// Which node, and how answers are printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct Connection {
    /// The node's directory
    #[arg(long, value_name = "DIR", env = "SWABMESH_DATA", default_value = DATA_DEFAULT)]
    pub(crate) data: PathBuf,
    /// Address of a node elsewhere; needs --token
    #[arg(long, value_name = "URL", env = "SWABMESH_URL", requires = "token")]
    url: Option<String>,
    /// What is in that node's secrets/api-token
    #[arg(long, value_name = "TOKEN", env = "SWABMESH_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

impl Connection {
    /// The node's directory.
    pub(crate) fn home(&self) -> Home {
        Home::at(&self.data)
    }

    /// Has the running node do something; one that does not run is started for it, without a network, and stopped.
    pub(crate) fn with_node<T>(&self, work: impl FnOnce(&Client) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let client = self.open()?;
        if self.url.is_some() || client.answers() {
            return work(&client);
        }
        offline::serve(&self.home(), |url| {
            let client = Client::new(url, self.home().keys().token()?, self.json);
            work(&client)
        })
    }

    /// Finds out where the node is; says nothing to it yet.
    pub(crate) fn open(&self) -> anyhow::Result<Client> {
        let home = self.home();
        let url = match &self.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            // A node that chose a free port wrote down which.
            None => match std::fs::read_to_string(home.url()) {
                Ok(url) => url,
                Err(_) => format!("http://{}", home.config([])?.http_listen),
            },
        };
        let token = match &self.token {
            Some(token) => token.clone(),
            None => home.keys().token()?,
        };
        Ok(Client::new(url, token, self.json))
    }
}

/// A node that can be asked.
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
    token: String,
    /// Whether answers are printed as JSON.
    pub(crate) json: bool,
}

/// The node answered, and did not do it.
#[derive(Debug)]
pub(crate) struct Refused {
    /// What it said.
    pub(crate) problem: Problem,
    /// Whether it is to be printed as JSON.
    pub(crate) json: bool,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  → {}", self.problem.detail, self.problem.what_to_do)
    }
}

impl std::error::Error for Refused {}

impl Client {
    fn new(url: String, token: String, json: bool) -> Self {
        let config = ureq::Agent::config_builder();
        let config = config.http_status_as_error(false).timeout_global(Some(ANSWER_WITHIN)).build();
        Self { agent: config.new_agent(), url, token, json }
    }

    /// The running node of a directory.
    pub(crate) fn of_node(data: &Path) -> anyhow::Result<Self> {
        let home = Home::at(data);
        let url = std::fs::read_to_string(home.url()).with_context(|| format!("{} does not run", data.display()))?;
        Ok(Self::new(url, home.keys().token()?, true))
    }

    /// Reads something.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let request = self.agent.get(format!("{}{BASE}{path}", self.url));
        self.answer(request.header("authorization", format!("Bearer {}", self.token)).call())
    }

    /// Reads something that is not JSON.
    pub(crate) fn bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let request = self.agent.get(format!("{}{BASE}{path}", self.url));
        let answer = request.header("authorization", format!("Bearer {}", self.token)).call();
        let mut answer = answer.with_context(|| format!("no node answers at {}", self.url))?;
        if !answer.status().is_success() {
            return self.answer(Ok(answer));
        }
        Ok(answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?)
    }

    /// Does something.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let request = self.agent.post(format!("{}{BASE}{path}", self.url));
        self.answer(request.header("authorization", format!("Bearer {}", self.token)).send_json(body))
    }

    /// Whether a node is there.
    fn answers(&self) -> bool {
        self.agent.get(format!("{}/healthz", self.url)).call().is_ok()
    }

    /// Asks for bytes with a body and hands them on as they come.
    pub(crate) fn download(
        &self,
        path: &str,
        body: &impl Serialize,
        take: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> anyhow::Result<u64> {
        let request = self.patient().post(format!("{}{BASE}{path}", self.url));
        self.pieces(request.header("authorization", format!("Bearer {}", self.token)).send_json(body), take)
    }

    /// Reads something that is not JSON, of any length, and writes it on as it comes. Returns how many bytes.
    pub(crate) fn save(&self, path: &str, to: &mut dyn Write) -> anyhow::Result<u64> {
        let request = self.patient().get(format!("{}{BASE}{path}", self.url));
        let answer = request.header("authorization", format!("Bearer {}", self.token)).call();
        self.pieces(answer, &mut |bytes| to.write_all(bytes))
    }

    fn pieces(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
        take: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> anyhow::Result<u64> {
        let answer = answer.map_err(|error| self.nobody(&error))?;
        if !answer.status().is_success() {
            return self.answer::<serde_json::Value>(Ok(answer)).map(|_| 0);
        }
        let mut progress = Progress::new("written");
        let mut bytes = answer.into_body().into_reader();
        let (mut piece, mut taken) = (vec![0; PIECE_BYTES], 0);
        loop {
            let read = bytes.read(&mut piece);
            let read = read.with_context(|| format!("the answer of {} broke off: ask again", self.url))?;
            if read == 0 {
                return Ok(taken);
            }
            take(piece.get(..read).unwrap_or_default())?;
            progress.more(read);
            taken += read as u64;
        }
    }

    /// Sends bytes as they are read.
    pub(crate) fn upload<T: DeserializeOwned>(&self, path: &str, from: impl Read) -> anyhow::Result<T> {
        let request = self.patient().post(format!("{}{BASE}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let mut from = Counted { from, progress: Progress::new("read") };
        self.answer(request.send(ureq::SendBody::from_reader(&mut from)))
    }

    /// An agent without a limit of time: a city's bundle takes as long as its disk.
    fn patient(&self) -> ureq::Agent {
        ureq::Agent::config_builder().http_status_as_error(false).build().new_agent()
    }

    fn nobody(&self, error: &ureq::Error) -> anyhow::Error {
        let url = &self.url;
        anyhow!(
            "no node answers at {url} ({error}): start it with `swabmesh authority|site|lab run`, or name another with --data"
        )
    }

    fn answer<T: DeserializeOwned>(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<T> {
        let mut answer = answer.map_err(|error| self.nobody(&error))?;
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.with_context(|| format!("the answer of {} broke off: ask again", self.url))?;
        if answer.status().is_success() {
            return serde_json::from_str(&text)
                .with_context(|| format!("{} is no swabmesh node of this version", self.url));
        }
        match serde_json::from_str(&text) {
            Ok(problem) => Err(Refused { problem, json: self.json }.into()),
            Err(_) => Err(anyhow!("{} answered {}: is it a swabmesh node?", self.url, answer.status())),
        }
    }

    /// Reads something and prints it: as the node said it for machines, with `say` for people.
    pub(crate) fn show(
        &self,
        path: &str,
        out: &mut dyn Write,
        say: impl FnOnce(&serde_json::Value) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        let answer: serde_json::Value = self.get(path)?;
        self.print(&answer, out, say)
    }

    /// Prints an answer: lists as one object a line.
    pub(crate) fn print(
        &self,
        answer: &serde_json::Value,
        out: &mut dyn Write,
        say: impl FnOnce(&serde_json::Value) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        match (self.json, answer.as_array()) {
            (true, Some(lines)) => lines.iter().try_for_each(|line| writeln!(out, "{line}"))?,
            (true, None) => writeln!(out, "{answer}")?,
            (false, _) => write!(out, "{}", say(answer)?)?,
        }
        Ok(())
    }
}

/// A name as it stands in a path: a barcode may hold a slash.
pub(crate) fn segment(name: &impl fmt::Display) -> String {
    name.to_string().replace('%', "%25").replace('/', "%2F").replace(' ', "%20")
}

/// A text as it stands behind the question mark.
pub(crate) fn value(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        connection: Connection,
    }

    fn connection(arguments: &[&str]) -> Result<Connection, clap::Error> {
        Only::try_parse_from([&["x"], arguments].concat()).map(|only| only.connection)
    }

    #[test]
    fn a_node_that_does_not_run_is_named_with_what_to_do() {
        let client = connection(&["--url", "http://127.0.0.1:1/", "--token", "x"]).unwrap().open().unwrap();
        let error = client.get::<serde_json::Value>("/status").unwrap_err().to_string();
        assert!(error.contains("no node answers at http://127.0.0.1:1 ") && error.contains("run"), "{error}");
        let error = connection(&["--data", "/nowhere"]).unwrap().open().err().unwrap().to_string();
        assert!(error.contains("/nowhere/node.toml does not exist"), "{error}");
        assert!(connection(&["--url", "http://127.0.0.1:1"]).is_err());
    }

    #[test]
    fn a_slash_in_a_barcode_does_not_become_a_path() {
        assert_eq!(segment(&"A/1"), "A%2F1");
        assert_eq!(value("a&b=c 三"), "a%26b%3Dc%20%E4%B8%89");
    }
}
