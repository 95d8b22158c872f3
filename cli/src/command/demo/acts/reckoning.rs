//! After the cables are plugged in: who holds what, what the laboratory read, what residents see.

#![expect(clippy::indexing_slicing, reason = "a JSON value read by a name it lacks is null")]

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde_json::{Value, json};

use super::{CONVERGE_WITHIN, Tube};
use crate::command::demo::city::City;
use crate::command::demo::ledger::Ledger;
use crate::command::demo::place::wait_until;
use crate::command::demo::residents::{Category, Resident};
use crate::command::demo::say;

pub(super) fn wait_converged(city: &City, ledger: &Ledger) -> anyhow::Result<()> {
    let mine = ledger.accepted.len() as u64;
    wait_until("everything receipted and equal", CONVERGE_WITHIN, || {
        let mut receipted = 0;
        for site in &city.sites {
            let own = site.status()?["own"].clone();
            receipted += own["at_authority"].as_u64().unwrap_or(0);
        }
        if receipted < mine {
            return Ok(false);
        }
        in_sync(city)
    })
}

/// Whether every node knows that it holds what the authority holds.
fn in_sync(city: &City) -> anyhow::Result<bool> {
    for place in city.others() {
        let peers = place.status()?["peers"].as_array().cloned().unwrap_or_default();
        let synced = |peer: &Value| peer["role"] == "authority" && !peer["in_sync_since"].is_null();
        if !peers.iter().any(synced) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn report(city: &City, ledger: &mut Ledger, tubes: &[Tube]) -> anyhow::Result<()> {
    let api = city.lab.api()?;
    for site in 0..city.sites.len() {
        let count = tubes.iter().filter(|tube| tube.site == site).count();
        let order = json!({ "count": count, "operator": "lab1" });
        let _: Value = api.post(&format!("/boxes/BOX-{}/receive", site + 1), &order)?;
    }
    let (positive, corrected) = (tubes.first().context("a tube")?, tubes.get(1).context("two tubes")?);
    for tube in tubes {
        let outcome = if tube.barcode == positive.barcode { "positive" } else { "negative" };
        let first = if tube.barcode == corrected.barcode { "inconclusive" } else { outcome };
        let order = json!({ "tube": tube.barcode, "outcome": first, "stage": "final", "operator": "lab1" });
        let _: Value = api.post("/results", &order)?;
    }
    let order = json!({
        "tube": corrected.barcode, "outcome": "negative", "reason": "read again by a second person", "operator": "lab2",
    });
    let _: Value = api.post("/results/correct", &order)?;
    wait_until("the results at the authority", CONVERGE_WITHIN, || {
        let view: Value = city.authority.api()?.get(&format!("/tubes/{}", corrected.barcode))?;
        let recall: Value = city.authority.api()?.get(&format!("/recall/{}", positive.barcode))?;
        ledger.recall_list = recall["people"].as_array().map_or(0, Vec::len) as u64;
        Ok(view["verdict"]["outcome"] == "negative" && ledger.recall_list > 0)
    })?;
    let site = city.sites.get(corrected.site).context("a site")?;
    wait_until("the results at the site that sampled", CONVERGE_WITHIN, || {
        let view: Value = site.api()?.get(&format!("/tubes/{}", corrected.barcode))?;
        Ok(view["verdict"]["outcome"] == "negative")
    })?;
    say(&format!(
        "         {} tubes read. Everyone in {} is called for a test of their own: {} people.",
        tubes.len(),
        positive.barcode,
        ledger.recall_list
    ));
    Ok(())
}

pub(super) fn look_up(city: &City, ledger: &mut Ledger, people: &[Resident]) -> anyhow::Result<()> {
    let api = city.authority.api()?;
    wait_until("the last results", CONVERGE_WITHIN, || in_sync(city))?;
    let with_bearer_code =
        people.iter().filter(|person| person.code.is_some() && person.category != Category::Live).step_by(8);
    for person in with_bearer_code {
        ledger.looked_up.1 += 1;
        let found: Value = api.post("/results/lookup", &json!({ "code": person.code }))?;
        let results = found["results"].as_array().cloned().unwrap_or_default();
        ledger.looked_up.0 += u64::from(results.iter().any(|result| !result["result"].is_null()));
    }
    say(&format!("         {} of {} saw a result.", ledger.looked_up.0, ledger.looked_up.1));
    Ok(())
}

pub(super) fn count_at_authority(city: &City, ledger: &mut Ledger, tubes: &[Tube]) -> anyhow::Result<()> {
    let api = city.authority.api()?;
    let mut found = BTreeSet::new();
    for tube in tubes {
        let view: Value = api.get(&format!("/tubes/{}", tube.barcode))?;
        for member in view["members"].as_array().cloned().unwrap_or_default() {
            found.extend(member["registration"].as_str().map(str::to_owned));
        }
    }
    ledger.at_authority = ledger.accepted.intersection(&found).count() as u64;
    let flags: Vec<Value> = api.get("/flags?all=true")?;
    ledger.duplicates_flagged = flags.iter().filter(|flag| flag["kind"] == "duplicate").count() as u64;
    Ok(())
}

/// Every document a site holds must have the same heads at the authority.
pub(super) fn compare_heads(city: &City, ledger: &mut Ledger) -> anyhow::Result<()> {
    let central: Value = city.authority.api()?.get("/heads?each=true")?;
    let digests = |heads: &Value| -> BTreeMap<String, String> {
        let each = heads["each"].as_array().cloned().unwrap_or_default();
        each.iter().map(|one| (one["subject"].to_string(), one["digest"].to_string())).collect()
    };
    let central = digests(&central);
    ledger.documents = central.len() as u64;
    ledger.heads_equal = !central.is_empty();
    let mut seen = BTreeSet::new();
    for site in &city.sites {
        let here: Value = site.api()?.get("/heads?each=true")?;
        for (subject, digest) in digests(&here) {
            ledger.heads_equal &= central.get(&subject) == Some(&digest);
            seen.insert(subject);
        }
    }
    ledger.heads_equal &= central.keys().all(|subject| seen.contains(subject));
    Ok(())
}
