//! An authority and a sampling site, made and run as their people do it: through the binary, on loopback.

#![expect(clippy::indexing_slicing, reason = "a JSON value that lacks a key answers with null")]

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;

use crate::place::Place;
use crate::program::swabmesh;

/// Longest wait for a site to be in sync. Source: guess; it takes 0.2 s on idle cores.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Between two looks at what is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs a command that must succeed; returns what it printed.
///
/// # Errors
/// It did not succeed.
pub fn must(arguments: &[&str], input: &str) -> anyhow::Result<String> {
    let answer = swabmesh(arguments, input)?;
    ensure!(answer.code == Some(0), "swabmesh {}: {}{}", arguments.join(" "), answer.out, answer.err);
    Ok(answer.out)
}

/// Lets a node join a city, and two people use its pages.
fn join(authority: &Place, node: &Place) -> anyhow::Result<()> {
    node.join(authority)?;
    let operator = |name| [node.role, "operator", "add", name, "--pin-stdin"];
    node.told(&[operator("王芳").as_slice(), &["--role", "supervisor"]].concat(), "271828\n")?;
    node.told(&operator("李强"), "314159\n")?;
    Ok(())
}

/// An authority and one site that joined it, and a laboratory if it was asked for.
#[derive(Debug)]
pub struct Rig {
    /// Issues codes.
    pub authority: Place,
    /// Registers people.
    pub site: Place,
    /// Reads tubes; only in a rig that was built with one.
    pub lab: Option<Place>,
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
        let at = |role, name: &str| Place::at(role, folder.path().join(name));
        let mut authority = at("authority", "city");
        authority.done(&["authority", "init", "--name", "市大数据中心", "--address", "127.0.0.1:1"])?;
        let supervisor = ["authority", "operator", "add", "赵敏", "--role", "supervisor", "--pin-stdin"];
        authority.told(&supervisor, "161803\n")?;
        let site = at("site", "site");
        site.done(&["site", "init", "--name", "人民路 3 号采样点", "--cell", "12"])?;
        join(&authority, &site)?;
        let lab = lab.then(|| at("lab", "lab"));
        if let Some(lab) = &lab {
            lab.done(&["lab", "init", "--name", "东区检验所"])?;
            join(&authority, lab)?;
        }
        authority.start(&[])?;
        let uplink = ["--authority-address", &authority.address()?];
        let mut site = site.with(&uplink).with(more);
        site.start(&[])?;
        let mut lab = lab.map(|lab| lab.with(&uplink));
        lab.as_mut().map(|lab| lab.start(&[])).transpose()?;
        Ok(Self { authority, site, lab, folder })
    }

    /// Makes and starts one more site, of this cell, connected with the authority and with nobody else.
    ///
    /// # Errors
    /// A step failed.
    pub fn another_site(&self, name: &str, cell: &str) -> anyhow::Result<Place> {
        let site = Place::at("site", self.folder.path().join("other"));
        site.done(&["site", "init", "--name", name, "--cell", cell])?;
        join(&self.authority, &site)?;
        let mut site = site.with(&["--authority-address", &self.authority.address()?]);
        site.start(&[])?;
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
