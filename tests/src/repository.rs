//! The files of the repository.

use std::fs;
use std::io;
use std::path::Path;

/// Directories that hold nothing anybody wrote.
const NOT_WRITTEN: [&str; 5] = [".git", "target", "node_modules", "corpus", "artifacts"];

/// The repository's top directory.
#[must_use]
pub fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// One file of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path from the top, with `/` between the parts.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl Source {
    /// The last part of the path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The name before its last dot.
    #[must_use]
    pub fn stem(&self) -> &str {
        self.name().rsplit_once('.').map_or(self.name(), |(stem, _)| stem)
    }

    /// The directory it lies in; empty at the top.
    #[must_use]
    pub fn directory(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(directory, _)| directory)
    }

    /// Whether it is Rust.
    #[must_use]
    pub fn is_rust(&self) -> bool {
        self.name().ends_with(".rs")
    }
}

/// Every file that is text, in the order of the paths.
///
/// # Errors
/// A directory or a file cannot be read.
pub fn sources() -> io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    collect(root(), "", &mut sources)?;
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(sources)
}

/// Reads one file, named from the top.
///
/// # Errors
/// It cannot be read.
pub fn read(path: &str) -> io::Result<String> {
    fs::read_to_string(root().join(path))
}

fn collect(directory: &Path, prefix: &str, sources: &mut Vec<Source>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if NOT_WRITTEN.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), sources)?;
        } else if kind.is_file() {
            // What is not UTF-8 is not text, and nobody writes logs.
            let text = String::from_utf8(fs::read(entry.path())?).ok().filter(|_| !name.ends_with(".log"));
            sources.extend(text.map(|text| Source { path, text }));
        }
    }
    Ok(())
}
