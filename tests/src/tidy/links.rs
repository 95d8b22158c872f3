//! Links between documents.

use super::Broken;
use crate::repository::{Source, root};

/// Finds links in Markdown that lead to no file of the repository.
#[must_use]
pub fn dead(sources: &[Source]) -> Vec<Broken> {
    let documents = sources.iter().filter(|source| source.name().ends_with(".md"));
    documents.flat_map(|document| dead_in(document, sources)).collect()
}

fn dead_in(document: &Source, sources: &[Source]) -> Vec<Broken> {
    let local = targets(&document.text).filter(|target| !target.contains("://") && !target.starts_with('#'));
    let files = local.map(|target| (target, resolve(document.directory(), target.split('#').next().unwrap_or(target))));
    let exists = |path: &str| {
        let below = format!("{path}/");
        let written = sources.iter().any(|source| source.path == path || source.path.starts_with(&below));
        // Pictures are no text, so they are not among the sources.
        written || (path.ends_with(".png") && root().join(path).is_file())
    };
    files.filter(|(_, path)| !exists(path)).map(|(target, _)| Broken::new(document, target)).collect()
}

/// What stands between `](` and `)`, outside of code blocks.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split(')').next())
}

fn resolve(directory: &str, target: &str) -> String {
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_file_that_is_not_there_is_found() {
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let text = "[a](formats.md#frames) [b](../node/src) [c](gone.md) [d](https://example.invalid) ```[e](x)```";
        let tree = [source("docs/a.md", text), source("docs/formats.md", ""), source("node/src/lib.rs", "")];
        let found: Vec<String> = dead(&tree).into_iter().map(|broken| broken.what).collect();
        assert_eq!(found, ["gone.md"]);
    }
}
