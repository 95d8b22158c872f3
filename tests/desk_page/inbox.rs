//! The inbox: each flag says who decides; what a site may decide it decides here; what was decided stays in sight.

use serde_json::json;
use swabmesh_tests::access::{axe, check};
use swabmesh_tests::place::Place;
use swabmesh_tests::repository::root;
use swabmesh_tests::site::{Rig, resident};

use crate::browser;
use crate::desk::Desk;

const TUBE: &str = "2204090001";

/// Waits until the inbox, opened anew, shows what a script looks for.
fn wait(desk: &Desk, what: &str, script: &str) {
    let all = format!(
        "if (document.querySelector('#panel').hidden) document.querySelector('#inbox').click();
         else if (document.querySelector('#panel .flags, #panel .lead')) {{
           if (({script})(document.querySelector('#panel'))) return true;
           document.querySelector('#panel .panel-head button').click();
         }}
         return false;"
    );
    desk.browser.wait(what, &all).unwrap();
}

/// Two sites of a cell that know nothing of each other yet open one tube and register one person.
fn collide(rig: &Rig) -> Place {
    let other = rig.another_site("东门采样点", "12").unwrap();
    rig.wait_in_sync().unwrap();
    let who = resident(40);
    for site in [&rig.site, &other] {
        site.post("/tubes", &json!({ "tube": TUBE, "pool": 10, "operator": "李强" })).unwrap();
        let document = json!({ "type": 1, "number": who.number, "name": who.name });
        // On a slow machine the second has heard of the first by now, and asks why.
        let registration = json!({ "tube": TUBE, "operator": "李强", "document": document, "reason": "第二次" });
        site.post("/registrations", &registration).unwrap();
    }
    other
}

#[test]
fn the_inbox_says_who_decides_what_and_what_was_decided_stays_in_sight() {
    if !browser() {
        return;
    }
    let rig = Rig::build(&[]).unwrap();
    let _other = collide(&rig);
    let desk = Desk::open(&rig, 1_280, 900).unwrap();
    wait(&desk, "both flags", "(panel) => panel.querySelectorAll('.flags > li').length === 2");
    let shown = desk.browser.text("#panel .flags").unwrap();
    assert_eq!(shown.matches("由市中心处理").count(), 2, "{shown}");
    for words in ["重复登记", "同一条码在两处开管", "人民路 3 号采样点", "东门采样点"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // Looking moves a flag down and hides nothing.
    let first = "return document.querySelector('#panel .flags > li b').innerText";
    let before = desk.browser.run(first).unwrap();
    desk.browser.click_text("已看过").unwrap();
    desk.browser
        .wait("who looked", "return document.querySelector('#panel .flags').innerText.includes('王芳 看过')")
        .unwrap();
    assert_ne!(desk.browser.run(first).unwrap(), before);
    assert_eq!(desk.browser.run("return document.querySelectorAll('#panel .flags > li').length").unwrap(), 2);
    if let Some(axe) = axe().unwrap() {
        check(&desk.browser, &axe, "the inbox").unwrap();
    }

    // What the authority decides is shown with who and why.
    let review = json!({ "subject": { "tube": TUBE }, "register": "open", "value": "10", "reason": "两管已分开",
        "operator": "赵敏" });
    rig.authority.post("/reviews", &review).unwrap();
    let decided = "(panel) => /市大数据中心 赵敏 于 今天 .* 裁定 10：两管已分开/.test(panel.querySelector('.settled')?.innerText)";
    wait(&desk, "the decision of the authority", decided);

    // Only its own registration is a site's to take back.
    let own = "return document.querySelectorAll('#panel .flags .people button.quiet').length";
    assert_eq!(desk.browser.run(own).unwrap(), 1);
    desk.browser.click_text("作废这一次").unwrap();
    desk.browser.click_text("重复登记").unwrap();
    let voided = "(panel) => /人民路 3 号采样点 王芳 于 今天 .* 作废一次：重复登记/.test(panel.querySelector('.settled')?.innerText)";
    wait(&desk, "the decision of this site", voided);
    assert!(desk.browser.text("#panel").unwrap().contains("没有需要处理的事"));
}

#[test]
#[ignore = "draws the pictures of the documentation: docs/pictures/draw-desk"]
fn the_inbox_is_drawn_for_the_documentation() {
    let rig = Rig::build(&[]).unwrap();
    let _other = collide(&rig);
    for (name, width, height) in [("inbox-phone", 360, 740), ("inbox", 1_920, 1_080)] {
        let desk = Desk::open(&rig, width, height).unwrap();
        let receipted = "return document.querySelectorAll('.copy dd')[2]?.textContent === '1'";
        desk.browser.wait("the receipt", receipted).unwrap();
        wait(&desk, "both flags", "(panel) => panel.querySelectorAll('.flags > li').length === 2");
        let file = root().join(format!("docs/pictures/desk/{name}.png"));
        std::fs::write(file, desk.browser.picture().unwrap()).unwrap();
    }
}
