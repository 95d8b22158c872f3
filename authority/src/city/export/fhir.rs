//! FHIR R4: a bundle for each tube, one a line.
//!
//! | resource | one for | says |
//! |---|---|---|
//! | Patient | person | the pseudonym as identifier, and nothing else |
//! | Specimen | registration | the swab: whose, when, in which tube, in a pool of how many |
//! | DiagnosticReport | registration with a reading | LOINC 94500-6, and SNOMED CT for what was read |
//!
//! A positive pool says of nobody that they are positive: such a report is `preliminary` and its conclusion says so.
//! References are absolute (`urn:swabmesh:…`), so a bundle resolves by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde_json::{Value, json};
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::fact::{Outcome, Stage};
use swabmesh_protocol::id::{Barcode, EntryId, NodeKey};
use swabmesh_protocol::results::Verdict;
use swabmesh_protocol::view::View;

use super::{ExportError, Line, instant, lines};
use crate::city::day::Day;
use crate::city::fold::Roles;

/// Writes a day as one bundle for each tube, a line each. Returns how many bundles.
///
/// # Errors
/// [`ExportError`].
pub fn write<V: View>(
    view: &V,
    roles: &Roles,
    nodes: &BTreeMap<NodeKey, Certificate>,
    day: Day,
    out: &mut dyn Write,
) -> Result<u64, ExportError> {
    // A tube is filled in one go; one that is written to again later becomes a second bundle.
    let mut open: Option<(Barcode, BundleInMaking)> = None;
    let mut bundles = 0;
    lines(view, roles, day, |line| {
        if open.as_ref().is_none_or(|(tube, _)| *tube != line.tube.barcode) {
            let next = (line.tube.barcode.clone(), BundleInMaking::new(line));
            if let Some((_, done)) = open.replace(next) {
                bundles += 1;
                writeln!(out, "{}", done.json(bundles))?;
            }
        }
        if let Some((_, bundle)) = &mut open {
            bundle.add(line, nodes);
        }
        Ok(())
    })?;
    if let Some((_, done)) = open {
        bundles += 1;
        writeln!(out, "{}", done.json(bundles))?;
    }
    Ok(bundles)
}

struct BundleInMaking {
    tube: Barcode,
    at: String,
    patients: BTreeSet<String>,
    entries: Vec<Value>,
}

/// An id as FHIR allows it.
fn id_of(entry: EntryId) -> String {
    entry.to_string().replace(':', "-")
}

fn entry(kind: &str, id: &str, resource: &Value) -> Value {
    json!({ "fullUrl": format!("urn:swabmesh:{kind}:{id}"), "resource": resource })
}

impl BundleInMaking {
    fn new(line: &Line<'_>) -> Self {
        let (tube, at) = (line.tube.barcode.clone(), instant(line.at));
        Self { tube, at, patients: BTreeSet::new(), entries: Vec::new() }
    }

    fn add(&mut self, line: &Line<'_>, nodes: &BTreeMap<NodeKey, Certificate>) {
        let (person, id) = (line.registered.person.to_string(), id_of(line.id));
        if self.patients.insert(person.clone()) {
            let identifier = json!([{ "system": "urn:swabmesh:person", "value": person }]);
            let patient = json!({ "resourceType": "Patient", "id": person, "identifier": identifier });
            self.entries.push(entry("patient", &person, &patient));
        }
        let subject = json!({ "reference": format!("urn:swabmesh:patient:{person}") });
        self.entries.push(entry("specimen", &id, &specimen(line, &id, &subject)));
        if let Some(verdict) = line.tube.verdict {
            self.entries.push(entry("report", &id, &report(line, verdict, &id, &subject, nodes)));
        }
    }

    fn json(&self, number: u64) -> Value {
        json!({
            "resourceType": "Bundle",
            "type": "collection",
            "identifier": { "system": "urn:swabmesh:tube", "value": format!("{}#{number}", self.tube) },
            "timestamp": self.at,
            "entry": self.entries,
        })
    }
}

fn specimen(line: &Line<'_>, id: &str, subject: &Value) -> Value {
    let pool = line.tube.pool.unwrap_or(1);
    let kind = json!({ "coding": [{
        "system": "http://snomed.info/sct", "code": "461911000124106", "display": "Oropharyngeal swab"
    }] });
    json!({
        "resourceType": "Specimen",
        "id": id,
        "accessionIdentifier": { "system": "urn:swabmesh:tube", "value": line.tube.barcode },
        "status": "available",
        "type": kind,
        "subject": subject,
        "collection": { "collectedDateTime": instant(line.at) },
        "container": [{
            "identifier": [{ "system": "urn:swabmesh:tube", "value": line.tube.barcode }],
            "description": format!("tube for a pool of {pool}"),
        }],
    })
}

fn report(
    line: &Line<'_>,
    verdict: Verdict,
    id: &str,
    subject: &Value,
    nodes: &BTreeMap<NodeKey, Certificate>,
) -> Value {
    let state = line.state();
    let status = match (state, verdict.reading.stage) {
        ("settled", Stage::Corrected) => "corrected",
        ("settled", _) => "final",
        _ => "preliminary",
    };
    let (code, display) = match verdict.reading.outcome {
        Outcome::Negative => ("260415000", "Not detected"),
        Outcome::Positive => ("260373001", "Detected"),
        Outcome::Inconclusive => ("419984006", "Inconclusive"),
        Outcome::Invalid => ("125154007", "Specimen unsatisfactory for evaluation"),
    };
    let conclusion = match state {
        "retest" => "The pool was read positive; this person is to be tested again, alone.",
        "disputed" => "Laboratories differ; the safer reading is given until a person decides.",
        _ => display,
    };
    let labs = line.tube.results.iter().map(|result| {
        let name = nodes.get(&result.lab).map_or_else(|| result.lab.to_string(), |lab| lab.name.to_string());
        json!({ "display": name })
    });
    let labs: Vec<Value> = labs.collect();
    let stamps = line.tube.results.iter().flat_map(|result| &result.reports).map(|report| report.by.stamp);
    let read_at = stamps.max().map_or(line.at, |stamp| stamp.wall());
    let mut report = json!({
        "resourceType": "DiagnosticReport",
        "id": id,
        "status": status,
        "code": { "coding": [{
            "system": "http://loinc.org",
            "code": "94500-6",
            "display": "SARS-CoV-2 (COVID-19) RNA [Presence] in Respiratory system specimen by NAA with probe detection"
        }] },
        "subject": subject,
        "effectiveDateTime": instant(line.at),
        "issued": instant(read_at),
        "performer": labs,
        "specimen": [{ "reference": format!("urn:swabmesh:specimen:{id}") }],
        "conclusion": conclusion,
        "conclusionCode": [{ "coding": [{ "system": "http://snomed.info/sct", "code": code, "display": display }] }],
    });
    // Of a pool, the code would be read as this person's.
    if verdict.reading.outcome == Outcome::Positive
        && line.tube.count > 1
        && let Value::Object(fields) = &mut report
    {
        fields.remove("conclusionCode");
    }
    report
}
