//! What keeps people from using the page, in every state and at both ends of the sizes.

use serde_json::Value;
use swabmesh_tests::access::{axe, check};
use swabmesh_tests::browser::ESCAPE;
use swabmesh_tests::site::{Rig, resident};

use crate::desk::Desk;

/// The smallest phone and the largest monitor at a site.
const WIDTHS: [u32; 2] = [360, 1_920];

#[test]
fn nothing_serious_keeps_anybody_from_using_the_page_on_a_phone_or_a_monitor() {
    let (true, Some(axe)) = (crate::browser(), axe().unwrap()) else { return };
    let rig = Rig::build(&["--https-listen", "127.0.0.1:0"]).unwrap();
    rig.wait_in_sync().unwrap();
    for (at, width) in WIDTHS.into_iter().enumerate() {
        let desk = Desk::open(&rig, width, 900).unwrap();
        let number = u32::try_from(at).unwrap();
        desk.scan(&format!("220409000{at}")).unwrap();
        check(&desk.browser, &axe, "a tube").unwrap();
        let code = rig.code("static", &resident(number)).unwrap();
        for (text, state) in [(code.as_str(), "green"), (&code, "amber"), ("JKY:1234", "red")] {
            desk.scan(text).unwrap();
            desk.expect(state).unwrap();
            check(&desk.browser, &axe, state).unwrap();
        }
        desk.browser.type_keys(ESCAPE).unwrap();
        check(&desk.browser, &axe, "the desk").unwrap();
        for panel in ["证件登记", "待处理", "为什么没有同步", "全部", "更正", "手输条码"] {
            desk.browser.click_text(panel).unwrap();
            check(&desk.browser, &axe, panel).unwrap();
            desk.browser.click_text("关闭").unwrap();
        }
        for panel in ["扫码枪测试", "人员", "修改我的 PIN"] {
            desk.browser.click_text("更多").unwrap();
            desk.browser.click_text(panel).unwrap();
            check(&desk.browser, &axe, panel).unwrap();
            desk.browser.click_text("关闭").unwrap();
        }
        desk.browser.click_text("English").unwrap();
        check(&desk.browser, &axe, "English").unwrap();
        desk.browser.click_text("Lock").unwrap();
        desk.browser.wait("the lock", "return document.querySelector('.dots') !== null").unwrap();
        check(&desk.browser, &axe, "the lock").unwrap();
        assert_eq!(desk.browser.run("return document.documentElement.lang").unwrap(), Value::from("en"));
    }
}
