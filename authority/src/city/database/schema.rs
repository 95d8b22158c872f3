//! The statements that make the tables, and that write rows into them.
//!
//! Plain SQL on purpose: no sequences, no foreign keys, no types of our own, and every key begins with the column
//! its table is spread by.

use crate::city::row::{Kind, SHAPES, STANDING, Shape, TUBE};

/// Version of the layout. Another one is another projection: the tables are made anew from the log.
pub const VERSION: &str = "1";

const fn sql_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Bytes => "bytea",
        Kind::Text => "text",
        Kind::Number => "int8",
        Kind::Flag => "bool",
    }
}

/// The statements that make what is missing.
#[must_use]
pub fn create() -> Vec<String> {
    let mut statements: Vec<String> = SHAPES.iter().map(|shape| create_table(shape)).collect();
    statements.extend(
        [
            "CREATE TABLE IF NOT EXISTS swabmesh_meta (name text PRIMARY KEY, value text NOT NULL)",
            "CREATE TABLE IF NOT EXISTS swabmesh_feed (feed bytea PRIMARY KEY, cell int8 NOT NULL, writer bytea NOT NULL, height int8 NOT NULL)",
            "CREATE TABLE IF NOT EXISTS swabmesh_lease (cell int8 PRIMARY KEY, holder text NOT NULL, until_ms int8 NOT NULL)",
            "CREATE TABLE IF NOT EXISTS swabmesh_process (holder text PRIMARY KEY, until_ms int8 NOT NULL)",
            "CREATE INDEX IF NOT EXISTS swabmesh_registration_person ON swabmesh_registration (person)",
            "CREATE INDEX IF NOT EXISTS swabmesh_registration_tube ON swabmesh_registration (tube)",
            "CREATE INDEX IF NOT EXISTS swabmesh_statement_tube ON swabmesh_statement (tube)",
            "CREATE INDEX IF NOT EXISTS swabmesh_tube_behind ON swabmesh_tube (tube) WHERE seen < facts",
        ]
        .map(str::to_owned),
    );
    statements
}

fn create_table(shape: &Shape) -> String {
    let columns = shape.columns.iter().enumerate().map(|(at, (name, kind))| {
        let null = if at < shape.key { " NOT NULL" } else { "" };
        format!("{name} {}{null}", sql_type(*kind))
    });
    let columns: Vec<String> = columns.collect();
    let key: Vec<&str> = shape.columns.iter().take(shape.key).map(|(name, _)| *name).collect();
    format!("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({}))", shape.name, columns.join(", "), key.join(", "))
}

/// The names of a table's columns.
#[must_use]
pub fn columns(shape: &Shape) -> String {
    shape.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// The statement that adds rows, one array a column.
#[must_use]
pub fn insert(shape: &Shape) -> String {
    let arrays = (1..).zip(shape.columns).map(|(at, (_, kind))| format!("${at}::{}[]", sql_type(*kind)));
    let arrays: Vec<String> = arrays.collect();
    format!("INSERT INTO {} ({}) SELECT * FROM unnest({})", shape.name, columns(shape), arrays.join(", "))
}

/// The statement that states tubes anew: facts add up, the rest is taken over unless it was derived from fewer.
#[must_use]
pub fn state_tubes() -> String {
    let table = TUBE.name;
    let taken = TUBE.columns.iter().skip(TUBE.key).map(|(name, _)| match *name {
        "facts" => format!("facts = {table}.facts + excluded.facts"),
        "seen" => format!("seen = greatest({table}.seen, excluded.seen)"),
        name => {
            format!("{name} = CASE WHEN excluded.seen >= {table}.seen THEN excluded.{name} ELSE {table}.{name} END")
        }
    });
    let taken: Vec<String> = taken.collect();
    format!("{} ON CONFLICT (tube) DO UPDATE SET {}", insert(&TUBE), taken.join(", "))
}

/// The statement that states members anew, unless what is there was derived from more facts.
#[must_use]
pub fn state_members() -> String {
    let table = STANDING.name;
    let taken = STANDING.columns.iter().skip(STANDING.key).map(|(name, _)| format!("{name} = excluded.{name}"));
    let taken: Vec<String> = taken.collect();
    let insert = insert(&STANDING);
    format!(
        "{insert} ON CONFLICT (tube, feed, seq) DO UPDATE SET {} WHERE {table}.seen <= excluded.seen",
        taken.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_table_needs_what_a_distributed_database_does_not_have() {
        for statement in create() {
            for word in ["serial", "SEQUENCE", "REFERENCES", "UNIQUE", "IDENTITY"] {
                assert!(!statement.contains(word), "{statement}");
            }
        }
        for shape in SHAPES {
            assert!(shape.key >= 1 && ["feed", "tube"].contains(&shape.columns[0].0), "{}", shape.name);
        }
    }
}
