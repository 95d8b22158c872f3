//! An authority, a site and a laboratory: processes on loopback, that can be killed and started again.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use swabmesh_tests::program::{path, swabmesh};
use swabmesh_tests::wait::eventually;

/// Longest wait for a node to be ready. Source: guess; a start takes 0.2 s on idle cores.
const READY_WITHIN: Duration = Duration::from_secs(30);
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

struct Node {
    kind: Kind,
    data: PathBuf,
    listen: SocketAddr,
    http: SocketAddr,
    process: Option<Child>,
}

/// The three nodes, enrolled and running.
pub(crate) struct Town {
    nodes: [Node; 3],
    _directory: tempfile::TempDir,
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn done(arguments: &[&str]) {
    let answer = swabmesh(arguments, "").unwrap();
    assert_eq!(answer.code, Some(0), "swabmesh {}: {answer:?}", arguments.join(" "));
}

fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}

impl Town {
    pub(crate) fn build() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut nodes = Kind::ALL.map(|kind| {
            let data = directory.path().join(kind.role());
            Node { kind, data, listen: free_address(), http: free_address(), process: None }
        });
        let authority = nodes[0].data.clone();
        let address = nodes[0].listen.to_string();
        done(&["authority", "init", "--data", name(&authority), "--name", "City", "--address", &address]);
        done(&["site", "init", "--data", name(&nodes[1].data), "--name", "Gate", "--cell", "1"]);
        done(&["lab", "init", "--data", name(&nodes[2].data), "--name", "Lab"]);
        for node in &nodes[1..] {
            let (request, out) = (node.data.join("enrolment/request"), node.data.join("answer"));
            done(&["authority", "enrol", name(&request), "--data", name(&authority), "--out", name(&out)]);
            done(&[node.kind.role(), "join", name(&out), "--data", name(&node.data)]);
        }
        nodes.iter_mut().for_each(Node::start);
        Self { nodes, _directory: directory }
    }

    fn node(&self, kind: Kind) -> &Node {
        self.nodes.iter().find(|node| node.kind == kind).unwrap()
    }

    /// SIGKILL, as a power cut or the system's memory killer ends a process.
    pub(crate) fn kill(&mut self, kind: Kind) {
        self.nodes.iter_mut().filter(|node| node.kind == kind).for_each(Node::kill);
    }

    /// Starts a node that was killed, and waits until it is ready.
    pub(crate) fn start(&mut self, kind: Kind) {
        self.nodes.iter_mut().filter(|node| node.kind == kind).for_each(Node::start);
    }

    pub(crate) fn api(&self, kind: Kind) -> Api {
        let node = self.node(kind);
        let token = fs::read_to_string(node.data.join("secrets/api-token")).unwrap().trim().to_owned();
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_WITHIN));
        Api { agent: config.build().new_agent(), base: format!("http://{}/api/v1", node.http), token }
    }

    /// Reads something of a running node; `null` when there is no such thing.
    pub(crate) fn get(&self, kind: Kind, path: &str) -> Value {
        self.api(kind).get(path).unwrap_or(Value::Null)
    }

    pub(crate) fn post(&self, kind: Kind, path: &str, body: &Value) -> Result<Value, String> {
        self.api(kind).post(path, body)
    }
}

impl Node {
    fn start(&mut self) {
        let ready = self.data.join("ready");
        let _ = fs::remove_file(&ready);
        let log = File::options().create(true).append(true).open(self.data.join("log")).unwrap();
        let mut command = Command::new(path().unwrap());
        command.args([self.kind.role(), "run", "--no-mdns", "--data"]).arg(&self.data).arg("--ready-file").arg(&ready);
        command.args(["--http-listen", &self.http.to_string(), "--listen", &self.listen.to_string()]);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().unwrap());
        let data = &self.data;
        eventually("ready", READY_WITHIN, || {
            if ready.exists() { Ok(()) } else { Err(fs::read_to_string(data.join("log")).unwrap_or_default()) }
        });
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
