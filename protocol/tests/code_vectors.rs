//! Every published vector gets its verdict at its own time.

use swabmesh_protocol::verify::file::KnowledgeFile;

const FILE: &str = include_str!("vectors/codes.json");

#[test]
fn every_published_vector_gets_its_verdict() {
    let file: KnowledgeFile = serde_json::from_str(FILE).unwrap();
    let knowledge = file.knowledge().unwrap();
    assert_eq!(file.vectors.len(), 89);
    let wrong: Vec<String> = file
        .vectors
        .iter()
        .map(|vector| (vector, vector.run(&knowledge)))
        .filter(|(_, (_, passed))| !passed)
        .map(|(vector, (got, _))| format!("{}: got {}, expected {}", vector.name, got.name(), vector.reason))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
