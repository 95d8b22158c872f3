//! Texts that people carry: as an argument, a file, a picture, or through standard input.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use swabmesh_node::picture::read::codes_in_bytes;

/// Bytes of a carried file that are read; a picture may be large.
const BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Finds the text that begins with `prefix`: in the argument itself, in the file or picture it names, or in
/// standard input for `-`.
pub(crate) fn text(argument: &str, prefix: &str) -> anyhow::Result<String> {
    if argument.trim_start().starts_with(prefix) {
        return Ok(argument.trim().to_owned());
    }
    let bytes = if argument == "-" { read(std::io::stdin())? } else { read_file(Path::new(argument))? };
    let texts = match String::from_utf8(bytes) {
        Ok(text) => vec![text],
        Err(error) => codes_in_bytes(error.as_bytes()).with_context(|| argument.to_owned())?,
    };
    let found = texts.iter().map(|text| text.trim()).find(|text| text.starts_with(prefix));
    match found {
        Some(text) => Ok(text.to_owned()),
        None => bail!("{argument} holds no text that begins with {prefix}: is it the right file?"),
    }
}

fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    let opened = std::fs::File::open(path);
    read(opened.with_context(|| format!("cannot read {}: check the path", path.display()))?)
}

fn read(from: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(BYTES_MAX).read_to_end(&mut bytes).context("cannot read")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use swabmesh_node::picture::render::{Medium, Symbol};

    use super::*;

    #[test]
    fn a_text_is_found_in_an_argument_a_file_or_a_picture() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        assert_eq!(text(" SMQ1:A B\n", "SMQ1:").unwrap(), "SMQ1:A B");
        std::fs::write(at("request"), "SMQ1:A B\n").unwrap();
        std::fs::write(at("request.png"), Symbol::new("SMQ1:A B", Medium::Screen).unwrap().png(4).unwrap()).unwrap();
        for name in ["request", "request.png"] {
            assert_eq!(text(at(name).to_str().unwrap(), "SMQ1:").unwrap(), "SMQ1:A B", "{name}");
        }
        let error = text(at("request").to_str().unwrap(), "SMA1:").unwrap_err().to_string();
        assert!(error.contains("begins with SMA1:"), "{error}");
        assert!(text("/nowhere", "SMA1:").unwrap_err().to_string().contains("check the path"));
    }
}
