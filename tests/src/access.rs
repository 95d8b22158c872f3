//! What keeps people from using a page, as axe-core finds it.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::json;

use crate::browser::Browser;
use crate::repository::root;
use crate::tool;

/// Pixels of a finger in a glove: height and width of whatever is pressed.
const TARGET_PX: (u32, u32) = (56, 44);

/// axe-core as npm delivers it; `None` where it is missing and may be.
///
/// # Errors
/// It is missing and may not be.
pub fn axe() -> anyhow::Result<Option<String>> {
    let path: PathBuf = root().join("target/npm/node_modules/axe-core/axe.min.js");
    let script = std::fs::read_to_string(path).ok();
    if script.is_none() {
        tool::missing("axe-core").map_err(anyhow::Error::msg)?;
    }
    Ok(script)
}

/// Fails on any finding that keeps somebody out, and on a page wider than its window.
///
/// # Errors
/// What was found.
pub fn check_reading(browser: &Browser, axe: &str, state: &str) -> anyhow::Result<()> {
    let run = "const done = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ['violations'] }).then((found) => done(found.violations
            .filter((one) => one.impact === 'serious' || one.impact === 'critical')
            .map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`)));";
    let found = browser.run_async(&format!("{axe};{run}"))?;
    ensure!(found == json!([]), "{state}: {found}");
    let over = browser.run("return document.documentElement.scrollWidth - innerWidth")?;
    ensure!(over.as_i64().context("no width")? <= 0, "{state}: {over} pixels too wide");
    Ok(())
}

/// The same, and on buttons too small for gloves.
///
/// # Errors
/// What was found.
pub fn check(browser: &Browser, axe: &str, state: &str) -> anyhow::Result<()> {
    check_reading(browser, axe, state)?;
    let (height, width) = TARGET_PX;
    let small = browser.run(&format!(
        "return [...document.querySelectorAll('button')].filter((one) => one.offsetParent)
            .filter((one) => one.offsetHeight < {height} || one.offsetWidth < {width}).map((one) => one.textContent)",
    ))?;
    ensure!(small == json!([]), "{state}: too small for gloves: {small}");
    Ok(())
}
