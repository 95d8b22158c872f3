//! An authority, a site and a laboratory: processes on loopback, that can be killed and started again.

use std::time::Duration;

use serde_json::Value;
use swabmesh_node::loopback::free_address;
use swabmesh_tests::place::Place;

/// Longest wait for an answer: a node that was killed gives none.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What a node is enrolled as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Authority,
    Site,
    Lab,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Authority, Self::Site, Self::Lab];

    const fn role(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Site => "site",
            Self::Lab => "lab",
        }
    }
}

/// The API of one node, wherever its process is in its lives.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    agent: ureq::Agent,
    base: String,
    token: String,
}

impl Api {
    /// Posts; an error if the node refused, or gave no answer.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let request = self.agent.post(format!("{}{path}", self.base));
        let sent = request.header("authorization", format!("Bearer {}", self.token)).send_json(body);
        answer(sent)
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        let request = self.agent.get(format!("{}{path}", self.base));
        answer(request.header("authorization", format!("Bearer {}", self.token)).call())
    }
}

fn answer(sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, String> {
    let mut response = sent.map_err(|error| error.to_string())?;
    let body: Value = response.body_mut().read_json().map_err(|error| error.to_string())?;
    if response.status().is_success() { Ok(body) } else { Err(body.to_string()) }
}

/// The three nodes, enrolled and running.
pub(crate) struct Town {
    nodes: [Place; 3],
    _directory: tempfile::TempDir,
}

impl Town {
    pub(crate) fn build() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let addresses = Kind::ALL.map(|_| free_address().unwrap().to_string());
        let place =
            |kind: Kind, address: &str| Place::at(kind.role(), directory.path().join(kind.role())).listening(address);
        let mut nodes = Kind::ALL.map(|kind| place(kind, &addresses[kind as usize]));
        let [authority, site, lab] = &nodes;
        authority.done(&["authority", "init", "--name", "City", "--address", &addresses[0]]).unwrap();
        site.done(&["site", "init", "--name", "Gate", "--cell", "1"]).unwrap();
        lab.done(&["lab", "init", "--name", "Lab"]).unwrap();
        site.join(authority).unwrap();
        lab.join(authority).unwrap();
        nodes.iter_mut().for_each(|node| node.start(&[]).unwrap());
        Self { nodes, _directory: directory }
    }

    /// SIGKILL, as a power cut or the system's memory killer ends a process.
    pub(crate) fn kill(&mut self, kind: Kind) {
        self.nodes[kind as usize].kill();
    }

    /// Starts a node that was killed, and waits until it is ready.
    pub(crate) fn start(&mut self, kind: Kind) {
        self.nodes[kind as usize].start(&[]).unwrap();
    }

    pub(crate) fn api(&self, kind: Kind) -> Api {
        let node = &self.nodes[kind as usize];
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_WITHIN));
        let agent = config.build().new_agent();
        Api { agent, base: format!("{}/api/v1", node.url()), token: node.token().unwrap() }
    }

    /// Reads something of a running node; `null` when there is no such thing.
    pub(crate) fn get(&self, kind: Kind, path: &str) -> Value {
        self.api(kind).get(path).unwrap_or(Value::Null)
    }

    pub(crate) fn post(&self, kind: Kind, path: &str, body: &Value) -> Result<Value, String> {
        self.api(kind).post(path, body)
    }
}
