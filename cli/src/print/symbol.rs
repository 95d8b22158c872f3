//! QR symbols on a terminal, and beside a file.

use std::path::{Path, PathBuf};

use anyhow::Context;
use swabmesh_node::durable::{self, Access};
use swabmesh_node::picture::render::{Medium, Symbol};

/// Pixels a module in a picture: large enough for a cheap camera on a monitor.
const MODULE_PX: u32 = 6;

/// Draws a symbol with two rows of modules a line, light on dark as terminals are.
pub(crate) fn terminal(text: &str) -> anyhow::Result<String> {
    let symbol = Symbol::new(text, Medium::Screen)?;
    let side = symbol.modules();
    let light = |column, row| row >= side || !symbol.is_dark(column, row);
    let line = |row: u32| {
        let blocks = (0..side).map(move |column| match (light(column, row), light(column, row + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        });
        blocks.chain(['\n']).collect::<String>()
    };
    Ok((0..side).step_by(2).map(line).collect())
}

/// Writes a picture of a text beside the file that holds it: the same name and `.png`.
pub(crate) fn beside(path: &Path, text: &str) -> anyhow::Result<PathBuf> {
    let mut picture = path.as_os_str().to_owned();
    picture.push(".png");
    let picture = PathBuf::from(picture);
    write(&picture, text)?;
    Ok(picture)
}

/// Writes a picture of a text.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let symbol = Symbol::new(text, Medium::Screen).context("the text does not fit a QR code: carry it as a file")?;
    Ok(durable::replace(path, &symbol.png(MODULE_PX)?, Access::Public)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_has_half_as_many_lines_as_modules() {
        let drawn = terminal("SMQ1:ABC").unwrap();
        let columns = drawn.lines().next().unwrap().chars().count();
        assert_eq!(drawn.lines().count(), columns.div_ceil(2));
        assert!(drawn.starts_with('█') && drawn.contains('▄'));
    }
}
