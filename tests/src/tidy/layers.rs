//! Who may know whom: crates among one another, and the modules of the core.

use std::collections::BTreeMap;

use super::{Broken, product_lines};
use crate::repository::Source;

/// What each crate of ours may depend on, tests and benchmarks included.
const CRATES: [(&str, &[&str]); 8] = [
    ("protocol", &[]),
    ("node", &["protocol"]),
    ("desk", &["protocol", "node"]),
    ("authority", &["protocol", "node"]),
    ("simulations", &["protocol"]),
    ("cli", &["protocol", "node", "desk", "authority", "simulations"]),
    ("tests", &["protocol", "node"]),
    ("fuzz", &["protocol"]),
];

/// The modules of the core, lowest first: a module uses its own layer and those below.
const LAYERS: [&[&str]; 13] = [
    // Units, bounds, and the shape of a table.
    &["limits", "sensitive", "text", "time", "view"],
    // Names, and bytes from outside.
    &["cbor", "clock", "id", "scan"],
    // One signed thing, one entry, one document number.
    &["cose", "document", "entry"],
    // What is made of them.
    &["chunk", "name", "person", "seal", "telephone", "trust"],
    &["code"],
    &["policy", "status"],
    // What can be said, and whether a code holds.
    &["fact", "verify"],
    // What follows from facts: who takes part, what a tube's document shows.
    &["certificate", "enrolment", "fork", "receipting", "results", "roster", "tube"],
    &["control", "merge"],
    // The contract with whoever runs the core.
    &["command", "io"],
    // The steps.
    &[
        "answer", "append", "bundle", "copies", "cuts", "desk", "exchange", "frontier", "issuing", "parked", "project",
        "register",
    ],
    // The routing between them.
    &["replica"],
    // What a runner puts together before it starts one.
    &["restore"],
];

/// Finds manifests that depend on a crate of ours they must not know.
#[must_use]
pub fn crates(sources: &[Source]) -> Vec<Broken> {
    let manifests = sources.iter().filter(|source| source.name() == "Cargo.toml" && !source.directory().is_empty());
    manifests.flat_map(manifest).collect()
}

fn manifest(source: &Source) -> Vec<Broken> {
    let Some((_, allowed)) = CRATES.iter().find(|(name, _)| *name == source.directory()) else {
        return vec![Broken::new(source, "a crate that tests/src/tidy/layers.rs does not place")];
    };
    let ours = source.text.lines().filter_map(|line| line.trim_start().strip_prefix("swabmesh-"));
    let names = ours.map(|rest| rest.split(['.', ' ', '=']).next().unwrap_or_default());
    let wrong = names.filter(|name| !allowed.contains(name));
    wrong.map(|name| Broken::new(source, format!("must not depend on {name}"))).collect()
}

/// Finds modules of the core that use a higher layer, are in no layer, or are in one and gone.
#[must_use]
pub fn modules(sources: &[Source]) -> Vec<Broken> {
    let levels: BTreeMap<&str, usize> =
        LAYERS.iter().enumerate().flat_map(|(level, names)| names.iter().map(move |name| (*name, level))).collect();
    let core: Vec<&Source> = sources.iter().filter(|source| module(source).is_some()).collect();
    let gone = levels.keys().filter(|name| core.iter().all(|source| module(source) != Some(**name)));
    let mut broken: Vec<Broken> =
        gone.map(|name| Broken { path: "protocol/src".to_owned(), what: format!("no module {name}") }).collect();
    for source in core {
        let Some(own) = module(source).and_then(|name| levels.get(name)) else {
            broken.push(Broken::new(source, "a module that tests/src/tidy/layers.rs puts in no layer"));
            continue;
        };
        if source.stem() == "tests" {
            continue;
        }
        for (line, used) in uses(&source.text) {
            match levels.get(used) {
                Some(level) if level <= own => {}
                Some(_) => broken.push(Broken::new(source, format!("line {line}: {used} lies higher"))),
                None => broken.push(Broken::new(source, format!("line {line}: {used} is no module"))),
            }
        }
    }
    broken
}

/// The top module of the core a file belongs to.
fn module(source: &Source) -> Option<&str> {
    let inside = source.path.strip_prefix("protocol/src/")?;
    let top = inside.split('/').next()?;
    let name = top.strip_suffix(".rs").unwrap_or(top);
    (name != "lib").then_some(name)
}

/// The modules named as `crate::NAME`, with the lines that do.
fn uses(text: &str) -> impl Iterator<Item = (usize, &str)> {
    product_lines(text).flat_map(|(at, line)| {
        let after = line.match_indices("crate::").filter(|(from, _)| !line[..*from].ends_with("$"));
        after.map(move |(from, marker)| {
            let rest = line.get(from + marker.len()..).unwrap_or_default();
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            (at, rest.get(..end).unwrap_or_default())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_use_of_a_higher_layer_is_found_and_one_in_a_comment_or_a_test_is_not() {
        let text = "use crate::limits::X;\n/// [`crate::replica::Replica`]\nuse crate::replica::Replica;\n\
                    #[cfg(test)]\nuse crate::exchange;\n";
        let broken = modules(&[source("protocol/src/chunk.rs", text)]);
        let higher: Vec<&Broken> = broken.iter().filter(|broken| broken.path.ends_with("chunk.rs")).collect();
        assert_eq!(higher.len(), 1, "{higher:?}");
        assert_eq!(higher[0].what, "line 3: replica lies higher");
    }

    #[test]
    fn a_module_in_no_layer_is_found() {
        let broken = modules(&[source("protocol/src/novelty/part.rs", "")]);
        assert!(broken.iter().any(|broken| broken.path.ends_with("part.rs")), "{broken:?}");
    }

    #[test]
    fn a_simulator_that_knows_the_node_is_found() {
        let manifest = |text| crates(&[source("simulations/Cargo.toml", text)]);
        assert_eq!(manifest("swabmesh-protocol.workspace = true\n"), []);
        assert_eq!(manifest("swabmesh-node = { path = \"../node\" }\n")[0].what, "must not depend on node");
    }
}
