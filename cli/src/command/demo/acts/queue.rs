//! The queue while nothing is connected: photographs, a scanner, documents, and a site that is killed.

#![expect(clippy::indexing_slicing, reason = "a JSON value read by a name it lacks is null")]

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::codes::shown;
use super::{POOL, Tube};
use crate::command::demo::city::City;
use crate::command::demo::ledger::Ledger;
use crate::command::demo::place::{Place, swabmesh};
use crate::command::demo::residents::{Category, Resident};
use crate::command::demo::{photographs, say};

/// Who goes to which site, and by which route.
pub(super) struct Plan {
    photographed: Vec<Vec<usize>>,
    scanned: Vec<Vec<usize>>,
    typed: Vec<Vec<usize>>,
    twice: usize,
}

impl Plan {
    pub(super) fn of(people: &[Resident], sites: usize) -> Self {
        let mut plan = Self {
            photographed: vec![Vec::new(); sites],
            scanned: vec![Vec::new(); sites],
            typed: vec![Vec::new(); sites],
            twice: 0,
        };
        let mut with_code = 0;
        for (number, person) in people.iter().enumerate() {
            let lists = if person.code.is_none() {
                &mut plan.typed
            } else if person.category == Category::Live || with_code % 5 < 2 {
                &mut plan.scanned
            } else {
                &mut plan.photographed
            };
            with_code += usize::from(person.code.is_some());
            if let Some(list) = lists.get_mut(number % sites) {
                list.push(number);
            }
        }
        plan.twice = plan.scanned.first().and_then(|list| list.first()).copied().unwrap_or(0);
        plan
    }

    pub(super) fn photograph(&self, city: &City, people: &[Resident], seed: u64) -> anyhow::Result<()> {
        let mut taken = 0;
        for (site, list) in city.sites.iter().zip(&self.photographed) {
            for (number, pool) in list.chunks(POOL).enumerate() {
                let texts: Vec<String> = pool.iter().filter_map(|at| people.get(*at)?.code.clone()).collect();
                taken += texts.len();
                photographs::take(&texts, &site.data.join(format!("photographs-{number}")), seed + taken as u64)?;
            }
        }
        say(&format!("         {taken} photographs of 1920 × 1080."));
        Ok(())
    }
}

pub(super) fn register_everybody(
    city: &mut City,
    ledger: &mut Ledger,
    people: &[Resident],
    plan: &Plan,
    phone: &SigningKey,
) -> anyhow::Result<Vec<Tube>> {
    let mut tubes = Vec::new();
    for site in 0..city.sites.len() {
        let before = ledger.accepted.len();
        photographed(city, site, ledger, plan, &mut tubes)?;
        if site == 1 {
            kill_in_the_middle(city, site, ledger, people, plan, phone, &mut tubes)?;
        } else {
            scanned(city, site, ledger, people, plan.scanned.get(site), phone, &mut tubes)?;
        }
        typed(city, site, ledger, people, plan, &mut tubes)?;
        let name = city.sites.get(site).map(|site| site.name.clone()).unwrap_or_default();
        say(&format!(
            "         {name}: {} people, from photographs, a scanner and documents.",
            ledger.accepted.len() - before
        ));
    }
    // One person went to gate 1, and now goes to gate 3 in the other cell, which cannot know.
    let person = people.get(plan.twice).context("somebody who registers twice")?;
    let tube = open_tube(city, 2, &mut tubes)?;
    let site = city.sites.get(2).context("gate 3")?;
    let verdict = register(site, &json!({ "tube": tube, "operator": "op3", "code": shown(person, phone, 900_000)? }))?;
    accept(ledger, &verdict, "static")?;
    say("         One resident registered at gate 1 and, cut off from it, again at gate 3: accepted, as it must be.");
    Ok(tubes)
}

fn open_tube(city: &City, site: usize, tubes: &mut Vec<Tube>) -> anyhow::Result<String> {
    let barcode = format!("G{}-{:04}", site + 1, tubes.len() + 1);
    let place = city.sites.get(site).context("a site")?;
    let order = json!({ "tube": barcode, "pool": POOL, "operator": format!("op{}", site + 1) });
    let _: Value = place.api()?.post("/tubes", &order)?;
    tubes.push(Tube { site, barcode: barcode.clone() });
    Ok(barcode)
}

fn register(site: &Place, order: &Value) -> anyhow::Result<Value> {
    site.api()?.post("/registrations", order)
}

/// Notes a registration that a desk showed as accepted.
fn accept(ledger: &mut Ledger, verdict: &Value, route: &str) -> anyhow::Result<()> {
    let Some(registration) = verdict["registration"].as_str() else {
        bail!("{route}: should have been accepted: {verdict}");
    };
    ledger.accepted.insert(registration.to_owned());
    *ledger.routes.entry(verdict["route"].as_str().unwrap_or(route).to_owned()).or_default() += 1;
    Ok(())
}

/// The verdicts that a command printed, one a line; its summary is left out.
fn verdicts(printed: &str) -> anyhow::Result<Vec<Value>> {
    let read = |line: &str| serde_json::from_str(line).with_context(|| format!("not JSON: {line}"));
    let lines = printed.lines().map(read).collect::<anyhow::Result<Vec<Value>>>()?;
    Ok(lines.into_iter().filter(|line| line.get("verdict").is_some()).collect())
}

/// A folder of photographs a tube, through the command a site would use.
fn photographed(
    city: &City,
    site: usize,
    ledger: &mut Ledger,
    plan: &Plan,
    tubes: &mut Vec<Tube>,
) -> anyhow::Result<()> {
    let pools = plan.photographed.get(site).map_or(0, |list| list.len().div_ceil(POOL));
    for number in 0..pools {
        let tube = open_tube(city, site, tubes)?;
        let place = city.sites.get(site).context("a site")?;
        let directory = place.data.join(format!("photographs-{number}"));
        ledger.photographs.1 += std::fs::read_dir(&directory)?.count() as u64;
        let (directory, operator) = (directory.to_string_lossy(), format!("op{}", site + 1));
        let arguments = [
            "site",
            "register",
            "--images",
            &directory,
            "--tube",
            &tube,
            "--operator",
            &operator,
            "--data",
            place.data()?,
            "--json",
        ];
        for verdict in verdicts(&swabmesh(&arguments, None)?)? {
            if verdict["registration"].is_string() {
                ledger.photographs.0 += 1;
                accept(ledger, &verdict, "photograph")?;
            }
        }
    }
    Ok(())
}

/// Lines as a scanner types them, one `site register --stdin` a tube.
fn scanned(
    city: &City,
    site: usize,
    ledger: &mut Ledger,
    people: &[Resident],
    list: Option<&Vec<usize>>,
    phone: &SigningKey,
    tubes: &mut Vec<Tube>,
) -> anyhow::Result<()> {
    for pool in list.map(Vec::as_slice).unwrap_or_default().chunks(POOL) {
        let tube = open_tube(city, site, tubes)?;
        let place = city.sites.get(site).context("a site")?;
        let mut keystrokes = String::new();
        for at in pool {
            let person = people.get(*at).context("a resident")?;
            // Some scanners type small letters.
            let text = shown(person, phone, *at as u64)?;
            keystrokes.push_str(&if at % 3 == 0 { text.to_lowercase() } else { text });
            keystrokes.push_str("\r\n");
        }
        let operator = format!("op{}", site + 1);
        let arguments = [
            "site",
            "register",
            "--stdin",
            "--tube",
            &tube,
            "--operator",
            &operator,
            "--data",
            place.data()?,
            "--json",
        ];
        for verdict in verdicts(&swabmesh(&arguments, Some(&keystrokes))?)? {
            accept(ledger, &verdict, "scanner")?;
        }
    }
    Ok(())
}

/// Half of the queue, then SIGKILL while the rest is being registered, then the rest again.
fn kill_in_the_middle(
    city: &mut City,
    site: usize,
    ledger: &mut Ledger,
    people: &[Resident],
    plan: &Plan,
    phone: &SigningKey,
    tubes: &mut Vec<Tube>,
) -> anyhow::Result<()> {
    let list = plan.scanned.get(site).cloned().unwrap_or_default();
    let (first, rest) = list.split_at(list.len() / 2);
    scanned(city, site, ledger, people, Some(&first.to_vec()), phone, tubes)?;
    let before: BTreeSet<String> = ledger.accepted.clone();
    let place = city.sites.get_mut(site).context("a site")?;
    place.kill()?;
    place.start()?;
    let lines: Vec<Value> = place.api()?.get("/registrations?limit=100000")?;
    let here: BTreeSet<&str> = lines.iter().filter_map(|line| line["registration"].as_str()).collect();
    let own: Vec<&String> = before.iter().filter(|id| lines_of(&lines, id) || here.contains(id.as_str())).collect();
    let expected = before.iter().filter(|id| feed_of(&lines).is_some_and(|feed| id.starts_with(feed))).count();
    ledger.survived_kill = (own.len() as u64, expected as u64);
    say(&format!(
        "         Gate 2 was killed with SIGKILL and started again: {} of {expected} registrations are there.",
        own.len()
    ));
    scanned(city, site, ledger, people, Some(&rest.to_vec()), phone, tubes)
}

fn lines_of(lines: &[Value], id: &str) -> bool {
    lines.iter().any(|line| line["registration"] == id)
}

/// The feed of the registrations listed.
fn feed_of(lines: &[Value]) -> Option<&str> {
    lines.first()?["registration"].as_str()?.split(':').next()
}

fn typed(
    city: &City,
    site: usize,
    ledger: &mut Ledger,
    people: &[Resident],
    plan: &Plan,
    tubes: &mut Vec<Tube>,
) -> anyhow::Result<()> {
    for pool in plan.typed.get(site).map(Vec::as_slice).unwrap_or_default().chunks(POOL) {
        let tube = open_tube(city, site, tubes)?;
        let place = city.sites.get(site).context("a site")?;
        for at in pool {
            let person = people.get(*at).context("a resident")?;
            let order = json!({ "tube": tube, "operator": format!("op{}", site + 1), "document": person.document });
            accept(ledger, &register(place, &order)?, "document")?;
        }
    }
    Ok(())
}

pub(super) fn try_bad_codes(city: &City, ledger: &mut Ledger, bad: &[(&'static str, String)]) -> anyhow::Result<()> {
    let place = city.sites.first().context("gate 1")?;
    let tube = "TRAINING-1";
    let _: Value = place.api()?.post("/tubes", &json!({ "tube": tube, "pool": 20, "operator": "op1" }))?;
    for (expected, code) in bad {
        let verdict = register(place, &json!({ "tube": tube, "operator": "op1", "code": code }))?;
        let reason = verdict["reason"].as_str().unwrap_or_default();
        *ledger.refused.entry(reason.to_owned()).or_default() += 1;
        if reason != *expected || verdict["verdict"] != "red" {
            ledger.wrong_verdicts.push(format!("expected {expected}, got {verdict}"));
        }
    }
    say(&format!("         {} wrong codes were tried at gate 1 and refused, each for its own reason.", bad.len()));
    Ok(())
}

pub(super) fn seal_and_pack(city: &City, tubes: &[Tube]) -> anyhow::Result<()> {
    let mut boxes: BTreeMap<usize, u64> = BTreeMap::new();
    for tube in tubes {
        let api = city.sites.get(tube.site).context("a site")?.api()?;
        let operator = format!("op{}", tube.site + 1);
        let _: Value =
            api.post(&format!("/tubes/{}/seal", tube.barcode), &json!({ "operator": operator, "not_full": true }))?;
        let transport = format!("BOX-{}", tube.site + 1);
        let order = json!({ "tube": tube.barcode, "operator": operator });
        let _: Value = api.post(&format!("/boxes/{transport}/pack"), &order)?;
        *boxes.entry(tube.site).or_default() += 1;
    }
    for (site, count) in boxes {
        let api = city.sites.get(site).context("a site")?.api()?;
        let order = json!({ "to": "courier 7", "count": count, "operator": format!("op{}", site + 1) });
        let _: Value = api.post(&format!("/boxes/BOX-{}/handover", site + 1), &order)?;
    }
    say(&format!("         {} tubes in {} boxes.", tubes.len(), city.sites.len()));
    Ok(())
}
