//! What keeps people from using the page, as axe-core finds it, in every state and at both ends of the sizes.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use swabmesh_tests::browser::ESCAPE;
use swabmesh_tests::repository::root;
use swabmesh_tests::site::{Rig, resident};
use swabmesh_tests::tool;

use crate::desk::Desk;

/// The smallest phone and the largest monitor at a site.
const WIDTHS: [u32; 2] = [360, 1_920];

/// axe-core as npm delivers it; `None` where it is missing and may be.
fn axe() -> Option<String> {
    let path: PathBuf = root().join("target/npm/node_modules/axe-core/axe.min.js");
    let script = std::fs::read_to_string(path).ok();
    if script.is_none() {
        tool::missing("axe-core").unwrap();
    }
    script
}

/// Fails on any finding that keeps somebody out, and on a page wider than its window.
fn check(desk: &Desk, axe: &str, state: &str) -> anyhow::Result<()> {
    let run = "const done = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ['violations'] }).then((found) => done(found.violations
            .filter((one) => one.impact === 'serious' || one.impact === 'critical')
            .map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`)));";
    let found = desk.browser.run_async(&format!("{axe};{run}"))?;
    ensure!(found == json!([]), "{state}: {found}");
    let over = desk.browser.run("return document.documentElement.scrollWidth - innerWidth")?;
    ensure!(over.as_i64().context("no width")? <= 0, "{state}: {over} pixels too wide");
    let small = desk.browser.run(
        "return [...document.querySelectorAll('button')].filter((one) => one.offsetParent)
            .filter((one) => one.offsetHeight < 56 || one.offsetWidth < 44).map((one) => one.textContent)",
    )?;
    ensure!(small == json!([]), "{state}: too small for gloves: {small}");
    Ok(())
}

#[test]
fn nothing_serious_keeps_anybody_from_using_the_page_on_a_phone_or_a_monitor() {
    let (true, Some(axe)) = (crate::browser(), axe()) else { return };
    let rig = Rig::build(&["--https-listen", "127.0.0.1:0"]).unwrap();
    rig.wait_in_sync().unwrap();
    for (at, width) in WIDTHS.into_iter().enumerate() {
        let desk = Desk::open(&rig, width, 900).unwrap();
        let number = u32::try_from(at).unwrap();
        desk.scan(&format!("220409000{at}")).unwrap();
        check(&desk, &axe, "a tube").unwrap();
        let code = rig.code("static", &resident(number)).unwrap();
        for (text, state) in [(code.as_str(), "green"), (&code, "amber"), ("JKY:1234", "red")] {
            desk.scan(text).unwrap();
            desk.expect(state).unwrap();
            check(&desk, &axe, state).unwrap();
        }
        desk.browser.type_keys(ESCAPE).unwrap();
        check(&desk, &axe, "the desk").unwrap();
        for panel in ["证件登记", "待处理", "为什么没有同步", "全部", "更正", "手输条码"] {
            desk.browser.click_text(panel).unwrap();
            check(&desk, &axe, panel).unwrap();
            desk.browser.click_text("关闭").unwrap();
        }
        for panel in ["扫码枪测试", "人员", "修改我的 PIN"] {
            desk.browser.click_text("更多").unwrap();
            desk.browser.click_text(panel).unwrap();
            check(&desk, &axe, panel).unwrap();
            desk.browser.click_text("关闭").unwrap();
        }
        desk.browser.click_text("English").unwrap();
        check(&desk, &axe, "English").unwrap();
        desk.browser.click_text("Lock").unwrap();
        desk.browser.wait("the lock", "return document.querySelector('.dots') !== null").unwrap();
        check(&desk, &axe, "the lock").unwrap();
        assert_eq!(desk.browser.run("return document.documentElement.lang").unwrap(), Value::from("en"));
    }
}
