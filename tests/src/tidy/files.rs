//! Names and lengths of files, and that each is part of something.

use super::Broken;
use crate::repository::Source;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "manager", "misc"];
/// Lines of a source file: at 400 ask whether it has two reasons to change, at 600 it does.
const LINES_MAX: usize = 600;
/// Ends of the names of files that people read as source.
const SOURCE_ENDS: [&str; 6] = [".rs", ".py", ".js", ".css", ".html", ".sh"];

/// Finds files and directories with a name that fits anything.
#[must_use]
pub fn names(sources: &[Source]) -> Vec<Broken> {
    let parts = |source: &Source| -> Vec<String> {
        let directories = source.directory().split('/').map(str::to_owned);
        directories.chain([source.stem().to_owned()]).collect()
    };
    let empty = |source: &&Source| parts(source).iter().any(|part| EMPTY_NAMES.contains(&part.as_str()));
    sources.iter().filter(empty).map(|source| Broken::new(source, "a name that says nothing")).collect()
}

/// Finds source files longer than 600 lines.
#[must_use]
pub fn lengths(sources: &[Source]) -> Vec<Broken> {
    let written = sources.iter().filter(|source| SOURCE_ENDS.iter().any(|end| source.name().ends_with(end)));
    let counted = written.map(|source| (source, source.text.lines().count()));
    let long = counted.filter(|(_, lines)| *lines > LINES_MAX);
    long.map(|(source, lines)| Broken::new(source, format!("{lines} lines"))).collect()
}

/// Finds Rust files that no crate compiles: forgotten tests above all.
///
/// A file is compiled when its manifest or Cargo's own rules name it, or when a file of its crate says `mod` of it
/// where its path says it should, or `#[path]`.
#[must_use]
pub fn forgotten(sources: &[Source]) -> Vec<Broken> {
    let rust = sources.iter().filter(|source| source.is_rust());
    let lost = rust.filter(|source| !is_root(source, sources) && !is_declared(source, sources));
    lost.map(|source| Broken::new(source, "nothing compiles it")).collect()
}

/// Whether Cargo finds the file without any `mod`.
fn is_root(source: &Source, sources: &[Source]) -> bool {
    let Some((package, inside)) = source.path.split_once('/') else { return false };
    let manifest = sources.iter().find(|other| other.path == format!("{package}/Cargo.toml"));
    let manifest = manifest.map_or("", |manifest| manifest.text.as_str());
    let parts: Vec<&str> = inside.split('/').collect();
    let found_alone = match parts.as_slice() {
        ["src", "lib.rs" | "main.rs"] | ["build.rs"] => true,
        ["tests", _] | ["tests", _, "main.rs"] => !manifest.contains("autotests = false"),
        // A benchmark that the manifest does not name runs under a harness that this compiler does not have.
        ["benches", _] => manifest.contains(&format!("name = \"{}\"", source.stem())),
        _ => false,
    };
    found_alone || manifest.contains(&format!("path = \"{inside}\""))
}

fn is_declared(source: &Source, sources: &[Source]) -> bool {
    let directory = source.directory();
    let declaration = format!("mod {};", source.stem());
    let parents = [format!("{directory}.rs"), format!("{directory}/lib.rs"), format!("{directory}/main.rs")];
    let says_mod = |parent: &Source| {
        parents.contains(&parent.path)
            && parent.text.lines().any(|line| line.trim_start_matches("pub ").ends_with(&declaration))
    };
    let by_path = |other: &Source| {
        let inside = source.path.strip_prefix(other.directory()).map(|inside| inside.trim_start_matches('/'));
        inside.is_some_and(|inside| other.is_rust() && other.text.contains(&format!("#[path = \"{inside}\"]")))
    };
    sources.iter().any(|other| says_mod(other) || by_path(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn names_that_fit_anything_are_found_as_files_and_as_directories() {
        let tree = ["node/src/utils.rs", "node/src/common/tube.rs", "node/src/store.rs"].map(|path| source(path, ""));
        assert_eq!(names(&tree).len(), 2);
    }

    #[test]
    fn the_line_after_the_last_allowed_one_is_found() {
        assert_eq!(lengths(&[source("a/src/b.rs", &"x\n".repeat(LINES_MAX))]), []);
        assert_eq!(lengths(&[source("a/src/b.rs", &"x\n".repeat(LINES_MAX + 1))]).len(), 1);
        assert_eq!(lengths(&[source("a/tests/vectors/b.json", &"x\n".repeat(LINES_MAX + 1))]), []);
    }

    #[test]
    fn a_test_that_nobody_declares_is_found() {
        let tree = [
            source("a/Cargo.toml", "autotests = false\npath = \"named.rs\""),
            source("a/named.rs", "#[path = \"deep/by_path.rs\"]\nmod by_path;"),
            source("a/deep/by_path.rs", ""),
            source("a/forgotten.rs", ""),
            source("b/Cargo.toml", ""),
            source("b/tests/laws/main.rs", "pub mod world;"),
            source("b/tests/laws/world.rs", ""),
            source("b/src/lib.rs", "mod store;"),
            source("b/src/store.rs", "pub(crate) mod key;"),
            source("b/src/store/key.rs", ""),
            source("b/src/store/lost.rs", ""),
            source("b/benches/unnamed.rs", ""),
        ];
        let lost: Vec<String> = forgotten(&tree).into_iter().map(|broken| broken.path).collect();
        assert_eq!(lost, ["a/forgotten.rs", "b/src/store/lost.rs", "b/benches/unnamed.rs"]);
    }
}
