//! An authority and a sampling site, made and run as their people do it: through the binary, on loopback.

#![expect(clippy::indexing_slicing, reason = "a JSON value that lacks a key answers with null")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::program::{self, swabmesh};

/// Longest wait for a node to be ready. Source: guess; a start takes 0.2 s on idle cores.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Between two looks at what is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A node with its directory; its process ends with it.
#[derive(Debug)]
pub struct Node {
    role: &'static str,
    /// Its directory.
    pub data: PathBuf,
    more: Vec<String>,
    process: Option<Child>,
    url: String,
}

/// Runs a command that must succeed; returns what it printed.
///
/// # Errors
/// It did not succeed.
pub fn must(arguments: &[&str], input: &str) -> anyhow::Result<String> {
    let answer = swabmesh(arguments, input)?;
    ensure!(answer.code == Some(0), "swabmesh {}: {}{}", arguments.join(" "), answer.out, answer.err);
    Ok(answer.out)
}

impl Node {
    /// A node of this role in a directory, with these flags of `run`; nothing runs yet.
    #[must_use]
    pub fn at(role: &'static str, data: PathBuf, more: &[&str]) -> Self {
        let more = more.iter().map(|&flag| flag.to_owned()).collect();
        Self { role, data, more, process: None, url: String::new() }
    }

    /// Its directory as text.
    #[must_use]
    pub fn data(&self) -> &str {
        self.data.to_str().unwrap_or_default()
    }

    /// Where it serves pages and API.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// It ended instead, or took too long.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let ready = self.data.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let log = std::fs::File::options().create(true).append(true).open(self.data.join("log"))?;
        let mut command = Command::new(program::path()?);
        command.args([self.role, "run", "--data"]).arg(&self.data).arg("--ready-file").arg(&ready);
        // The first start takes a free port; later ones keep it, as the page expects.
        let http = self.url.strip_prefix("http://").unwrap_or("127.0.0.1:0").to_owned();
        command.args(["--no-mdns", "--listen", "127.0.0.1:0", "--http-listen", &http]).args(&self.more);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut process = command.spawn()?;
        let began = Instant::now();
        while !ready.exists() {
            if process.try_wait()?.is_some() || began.elapsed() > READY_WITHIN {
                let log = std::fs::read_to_string(self.data.join("log"))?;
                bail!("the {} did not start:\n{log}", self.role);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let told: Value = serde_json::from_str(&std::fs::read_to_string(&ready)?)?;
        told["url"].as_str().context("no url")?.clone_into(&mut self.url);
        self.process = Some(process);
        Ok(())
    }

    /// Ends it as a power cut would.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("the node does not run")?;
        process.kill()?;
        process.wait()?;
        Ok(())
    }

    /// What its administrator reads in its directory.
    ///
    /// # Errors
    /// It is not there.
    pub fn token(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.data.join("secrets/api-token"))?.trim().to_owned())
    }

    /// Asks its API.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}/api/v1{path}", self.url);
        let token = format!("Bearer {}", self.token()?);
        let mut answer = ureq::get(&url).header("authorization", &token).call()?;
        Ok(answer.body_mut().with_config().limit(64 * 1024 * 1024).read_json()?)
    }

    /// Where other nodes reach it, once it listens.
    ///
    /// # Errors
    /// It does not listen in time.
    pub fn address(&self) -> anyhow::Result<String> {
        let began = Instant::now();
        loop {
            if let Some(address) = self.get("/status")?["listening"][0].as_str() {
                return Ok(address.to_owned());
            }
            ensure!(began.elapsed() < READY_WITHIN, "the {} does not listen", self.role);
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Sends something to its API.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}/api/v1{path}", self.url);
        let token = format!("Bearer {}", self.token()?);
        Ok(ureq::post(&url).header("authorization", &token).send_json(body)?.body_mut().read_json()?)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Lets a node join a city, and two people use its pages.
fn join(city: &str, data: &str, role: &str) -> anyhow::Result<()> {
    let (request, answer) = (format!("{data}/enrolment/request"), format!("{data}/answer"));
    must(&["authority", "enrol", &request, "--data", city, "--out", &answer], "")?;
    must(&[role, "join", &answer, "--data", data], "")?;
    must(&[role, "operator", "add", "王芳", "--role", "supervisor", "--data", data, "--pin-stdin"], "271828\n")?;
    must(&[role, "operator", "add", "李强", "--data", data, "--pin-stdin"], "314159\n").map(drop)
}

/// An authority and one site that joined it, and a laboratory if it was asked for.
#[derive(Debug)]
pub struct Rig {
    /// Issues codes.
    pub authority: Node,
    /// Registers people.
    pub site: Node,
    /// Reads tubes; only in a rig that was built with one.
    pub lab: Option<Node>,
    folder: tempfile::TempDir,
}

impl Rig {
    /// Makes and starts both; the site is connected with the authority. `more` are flags of `site run`.
    ///
    /// # Errors
    /// A step failed.
    pub fn build(more: &[&str]) -> anyhow::Result<Self> {
        Self::assemble(more, false)
    }

    /// Makes and starts a laboratory as well.
    ///
    /// # Errors
    /// A step failed.
    pub fn with_lab() -> anyhow::Result<Self> {
        Self::assemble(&[], true)
    }

    fn assemble(more: &[&str], lab: bool) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        let text = |path: &Path| path.to_str().context("not text").map(str::to_owned);
        let (city, site) = (text(&at("city"))?, text(&at("site"))?);
        must(&["authority", "init", "--data", &city, "--name", "市大数据中心", "--address", "127.0.0.1:1"], "")?;
        must(
            &["authority", "operator", "add", "赵敏", "--role", "supervisor", "--data", &city, "--pin-stdin"],
            "161803\n",
        )?;
        must(&["site", "init", "--data", &site, "--name", "人民路 3 号采样点", "--cell", "12"], "")?;
        join(&city, &site, "site")?;
        if lab {
            let lab = text(&at("lab"))?;
            must(&["lab", "init", "--data", &lab, "--name", "东区检验所"], "")?;
            join(&city, &lab, "lab")?;
        }
        let mut authority = Node::at("authority", at("city"), &[]);
        authority.start()?;
        let address = authority.address()?;
        let mut flags = vec!["--authority-address", address.as_str()];
        flags.extend(more);
        let mut site = Node::at("site", at("site"), &flags);
        site.start()?;
        let mut lab = lab.then(|| Node::at("lab", at("lab"), &["--authority-address", address.as_str()]));
        lab.as_mut().map(Node::start).transpose()?;
        Ok(Self { authority, site, lab, folder })
    }

    /// Makes and starts one more site, of this cell, connected with the authority and with nobody else.
    ///
    /// # Errors
    /// A step failed.
    pub fn another_site(&self, name: &str, cell: &str) -> anyhow::Result<Node> {
        let data = self.folder.path().join("other");
        let at = data.to_str().context("not text")?;
        must(&["site", "init", "--data", at, "--name", name, "--cell", cell], "")?;
        join(self.authority.data(), at, "site")?;
        let mut site = Node::at("site", data, &["--authority-address", &self.authority.address()?]);
        site.start()?;
        Ok(site)
    }

    /// A directory that goes with the rig.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until the site is in sync with the authority, so that its lists and keys are there.
    ///
    /// # Errors
    /// It is not in time.
    pub fn wait_in_sync(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let status = self.site.get("/status")?;
            if !status["peers"][0]["in_sync_since"].is_null()
                && status["lists"].as_array().is_some_and(|l| !l.is_empty())
                && !status["advice"].to_string().contains("no key of the authority")
            {
                return Ok(());
            }
            ensure!(began.elapsed() < READY_WITHIN, "not in sync: {status}");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Issues a code of a kind such as `static` to a made-up resident.
    ///
    /// # Errors
    /// The authority refuses.
    pub fn code(&self, kind: &str, resident: &Resident) -> anyhow::Result<String> {
        let document = json!({ "type": 1, "number": resident.number, "name": resident.name });
        let issued = self.authority.post("/codes", &json!({ "kind": kind, "document": document }))?;
        Ok(issued["text"].as_str().context("no text")?.to_owned())
    }
}

/// Somebody who does not exist, with an identity card whose check digit is right.
#[derive(Debug, Clone)]
pub struct Resident {
    /// 18 characters.
    pub number: String,
    /// Full name.
    pub name: String,
}

/// Makes the resident of a number below 1000. The region 990000 is nobody's.
#[must_use]
pub fn resident(number: u32) -> Resident {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const FAMILY: [&str; 12] = ["张", "王", "李", "赵", "陈", "杨", "黄", "周", "吴", "徐", "孙", "欧阳"];
    const GIVEN: [&str; 11] = ["伟", "芳", "娜", "敏", "静", "秀英", "丽华", "强", "磊", "建国", "晓明"];
    let digits =
        format!("990000{}{:02}{:02}{:03}", 1950 + number % 50, 1 + number % 12, 1 + number % 28, number % 1000);
    let values = digits.chars().filter_map(|c| c.to_digit(10));
    let sum: u32 = values.zip(WEIGHTS).map(|(value, weight)| value * weight).sum();
    let check = "10X98765432".chars().nth(sum as usize % 11).unwrap_or('0');
    let of = |words: &[&str], at: u32| words.get(at as usize % words.len()).copied().unwrap_or_default().to_owned();
    Resident { number: format!("{digits}{check}"), name: of(&FAMILY, number) + &of(&GIVEN, number / 3) }
}
