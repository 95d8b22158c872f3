//! What keeps people from using the page, as axe-core finds it, in every view and at both ends of the sizes.

use anyhow::{Context, ensure};
use serde_json::json;
use swabmesh_tests::access;
use swabmesh_tests::site::{Rig, resident};

use crate::phone::{Phone, register};

/// The smallest phone, and a monitor.
const WIDTHS: [u32; 2] = [360, 1_920];

/// What holds for every page, and that nothing is too small for a thumb: fields no more than buttons.
fn check(phone: &Phone, axe: &str, state: &str) -> anyhow::Result<()> {
    access::check(&phone.browser, axe, state)?;
    let over = phone.browser.run(
        "return Math.max(...['html', 'main', 'nav'].map((one) => document.querySelector(one)).map((one) => one.scrollWidth - one.clientWidth))",
    )?;
    ensure!(over.as_i64().context("no width")? <= 0, "{state}: {over} pixels too wide");
    let small = phone.browser.run(
        "return [...document.querySelectorAll('input:not([type=checkbox]), select')].filter((one) => one.offsetParent)
            .filter((one) => one.offsetHeight < 56).map((one) => one.outerHTML)",
    )?;
    ensure!(small == json!([]), "{state}: too small for a thumb: {small}");
    Ok(())
}

#[test]
fn nothing_serious_keeps_anybody_from_using_the_page_on_a_phone_or_a_monitor() {
    let (true, Some(axe)) = (crate::browser(), access::axe().unwrap()) else { return };
    let rig = Rig::build(&[]).unwrap();
    let who = resident(40);
    register(&rig, &[&who]).unwrap();
    for width in WIDTHS {
        let phone = Phone::open(&rig, width, 740).unwrap();
        phone.browser.wait("the door", "return document.querySelector('#proof-number') !== null").unwrap();
        check(&phone, &axe, "the door").unwrap();
        phone.sign_in(&who).unwrap();
        check(&phone, &axe, "no code yet").unwrap();
        phone.browser.click_text("领取核酸码").unwrap();
        phone.browser.wait("a symbol", "return document.querySelector('.card svg.qr') !== null").unwrap();
        for language in ["zh", "en"] {
            check(&phone, &axe, &format!("the code, {language}")).unwrap();
            phone.browser.click(".tab:nth-child(2)").unwrap();
            if language == "zh" {
                phone.browser.click_text("启用动态码").unwrap();
            }
            phone.browser.wait("a symbol", "return document.querySelector('.live svg.qr') !== null").unwrap();
            check(&phone, &axe, &format!("the live code, {language}")).unwrap();
            phone.browser.click(".tab:nth-child(3)").unwrap();
            phone.browser.wait("an answer", "return document.querySelector('main h2') !== null").unwrap();
            check(&phone, &axe, &format!("results, {language}")).unwrap();
            phone.browser.click(".tab:nth-child(4)").unwrap();
            phone.browser.click("main button.big").unwrap();
            phone.browser.wait("the form", "return document.querySelector('#photo') !== null").unwrap();
            check(&phone, &axe, &format!("an application, {language}")).unwrap();
            phone.browser.click("#language").unwrap();
            phone.browser.click(".tab:nth-child(1)").unwrap();
        }
    }
}
