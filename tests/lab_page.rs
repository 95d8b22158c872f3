//! A box leaves a site and arrives at a laboratory, in a real browser at both ends.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "lab_page/page.rs"]
mod page;
#[path = "lab_page/pictures.rs"]
mod pictures;

use std::time::{Duration, Instant};

use page::Page;
use serde_json::{Value, json};
use swabmesh_tests::access::{axe, check};
use swabmesh_tests::browser::{self, Browser, ESCAPE, Options};
use swabmesh_tests::place::Place;
use swabmesh_tests::site::{Rig, resident};
use swabmesh_tests::tool;

/// Tubes that are packed.
const TUBES: u32 = 7;

/// Whether a browser is there; a test without one says so and ends.
fn browser() -> bool {
    let there = browser::is_installed();
    if !there {
        tool::missing("chromium or chromedriver").unwrap();
    }
    there
}

fn barcode(number: u32) -> String {
    format!("22040901{number:02}")
}

/// The tube that is a pool of two people; the others hold one.
const POOL: u32 = 2;

/// Fills and seals these tubes.
fn fill(rig: &Rig, tubes: u32) {
    rig.wait_in_sync().unwrap();
    for number in 1..=tubes {
        let tube = barcode(number);
        let (pool, people) = if number == POOL { (5, vec![number, number + 100]) } else { (1, vec![number]) };
        rig.site.post("/tubes", &json!({ "tube": tube, "pool": pool, "operator": "王芳" })).unwrap();
        for person in people {
            let code = rig.code("static", &resident(person)).unwrap();
            rig.site.post("/registrations", &json!({ "tube": tube, "code": code, "operator": "王芳" })).unwrap();
        }
        rig.site.post(&format!("/tubes/{tube}/seal"), &json!({ "operator": "王芳", "not_full": true })).unwrap();
    }
}

/// Asks a node until the answer is what is wanted.
fn until(node: &Place, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let found = node.get(path);
        if let Some(found) = found.as_ref().ok().filter(|found| wanted(found)) {
            return found.clone();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{path}: {found:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Packs the tubes at the site's page and hands the box over.
fn pack(site: &Page, axe: Option<&str>) {
    site.browser.click_text("装箱").unwrap();
    site.scan_over("BX0001", "#packed", "0 管").unwrap();
    for number in 1..=TUBES {
        site.scan_over(&barcode(number), "#packed", &format!("{number} 管")).unwrap();
    }
    site.look(axe, "packing");
    site.browser.fill("#counted", &(TUBES - 1).to_string()).unwrap();
    assert!(site.browser.text("#boxes .said").unwrap().contains("系统 7"));
    site.browser.fill("#counted", &TUBES.to_string()).unwrap();
    assert!(site.browser.text("#boxes .said").unwrap().contains("一致"));
    site.browser.fill("#courier", "赵师傅").unwrap();
    site.browser.click("#boxes form .strong").unwrap();
    site.browser.wait("the hand-over", "return document.querySelector('#boxes').innerText.includes('已交给')").unwrap();
    site.look(axe, "handed over");
}

fn receive(lab: &Page, axe: Option<&str>) {
    lab.scan("BX0001").unwrap();
    assert!(lab.browser.text("#arrival").unwrap().contains("赵师傅"));
    lab.browser.fill("#arrived", &TUBES.to_string()).unwrap();
    lab.look(axe, "a box");
    lab.browser.click("#arrival form .strong").unwrap();
    lab.browser.wait("the receipt", "return document.querySelector('#received') !== null").unwrap();
}

/// What the laboratory's node says of a tube.
fn verdict(node: &Place, number: u32) -> (String, String) {
    let shown = node.get(&format!("/tubes/{}", barcode(number))).unwrap();
    let text = |key: &str| shown["verdict"][key].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("stage"))
}

fn said(outcome: &str, stage: &str) -> (String, String) {
    (outcome.to_owned(), stage.to_owned())
}

/// Reports five tubes with one key each.
fn report(lab: &Page, node: &Place, axe: Option<&str>) {
    let read = [("n", "negative"), ("p", "positive"), ("i", "inconclusive"), ("v", "invalid"), ("n", "negative")];
    for (number, (key, outcome)) in (1..).zip(read) {
        lab.scan(&barcode(number)).unwrap();
        lab.press(key).unwrap();
        lab.browser.wait(outcome, &format!("return document.querySelector('#said.{outcome}') !== null")).unwrap();
        assert_eq!(verdict(node, number), said(outcome, "final"));
    }
    // A positive pool shows its people, masked.
    lab.scan(&barcode(POOL)).unwrap();
    lab.browser.wait("the pool", "return document.querySelectorAll('.roll li').length === 2").unwrap();
    let roll = lab.browser.text(".roll").unwrap();
    assert!(
        roll.contains("等待复采")
            && roll.contains('*')
            && roll.contains(&resident(POOL).number[14..])
            && !roll.contains(&resident(POOL).number)
    );
    lab.look(axe, "a positive pool");
    // Whoever looked is on record, in a chain that holds.
    let looks = node.done(&["lab", "audit", "show"]).unwrap();
    let pool = format!("王芳: pool (tube {})", barcode(POOL));
    assert!(looks.lines().any(|line| line.ends_with(&pool)), "{looks}");
    assert!(node.done(&["lab", "audit", "check"]).unwrap().contains("the chain holds"));
}

/// A settled reading is not changed by a key, only by a correction with a reason.
fn correct(lab: &Page, node: &Place) {
    lab.scan(&barcode(5)).unwrap();
    lab.press("p").unwrap();
    lab.browser
        .wait("a correction", "return document.querySelector('#correct-outcome')?.value === 'positive'")
        .unwrap();
    assert_eq!(verdict(node, 5), said("negative", "final"));
    lab.browser.click_text("看错了").unwrap();
    until(node, &format!("/tubes/{}", barcode(5)), |shown| shown["verdict"]["stage"] == "corrected");
    assert_eq!(verdict(node, 5), said("positive", "corrected"));
}

/// A file with one bad line is shown first, and written only when that was said.
fn import(lab: &Page, node: &Place, rig: &Rig, axe: Option<&str>) {
    let file = rig.folder().join("plate.csv");
    let lines = format!("管号,结果\n{},阴性\nT 8,阴性\n{},positive\n{},negative\n", barcode(6), barcode(7), barcode(1));
    std::fs::write(&file, lines).unwrap();
    lab.browser.click_text("文件导入结果").unwrap();
    lab.browser.choose_file("#batch-file", &file).unwrap();
    lab.browser
        .wait("the judgement", "return document.querySelector('#batch-said')?.innerText.includes('1 行有错')")
        .unwrap();
    let shown = lab.browser.text("#batch-lines").unwrap();
    assert!(shown.contains("不是条码") && shown.contains("已报告过"), "{shown}");
    assert_eq!(verdict(node, 6), said("", ""), "nothing is written before it was said");
    lab.look(axe, "a file with a bad line");
    lab.browser.click_text("写入 2 行").unwrap();
    lab.browser
        .wait("the import", "return document.querySelector('#batch-said')?.innerText.includes('已写入 2 行')")
        .unwrap();
    assert_eq!((verdict(node, 6), verdict(node, 7)), (said("negative", "final"), said("positive", "final")));
    lab.browser.click_text("关闭").unwrap();
}

#[test]
fn a_box_is_packed_and_handed_over_and_a_laboratory_receives_it_and_reports_its_tubes() {
    if !browser() {
        return;
    }
    let axe = axe().unwrap();
    let axe = axe.as_deref();
    let rig = Rig::with_lab().unwrap();
    fill(&rig, TUBES);
    // One more tube that nobody sealed.
    rig.site.post("/tubes", &json!({ "tube": "2204090199", "pool": 10, "operator": "王芳" })).unwrap();
    let site = Page::open(rig.site.url(), 1_280, 900).unwrap();
    pack(&site, axe);
    site.type_scan("2204090199").unwrap();
    site.browser.wait("a refusal", "return document.querySelector('#notices').innerText.includes('还没有封')").unwrap();
    site.browser.click_text("关闭").unwrap();
    site.browser.click_text("日终").unwrap();
    let counted = format!("return document.querySelector('#day-people')?.textContent === '{}'", TUBES + 1);
    site.browser.wait("the day", &counted).unwrap();
    site.look(axe, "the end of the day");

    let node = rig.lab.as_ref().unwrap();
    until(node, "/boxes/BX0001", |shown| {
        shown["tubes"].as_array().map(Vec::len) == Some(TUBES as usize) && shown["handed_over"][0]["count"] == TUBES
    });
    until(node, &format!("/tubes/{}", barcode(POOL)), |shown| shown["count"] == 2);
    let lab = Page::open(node.url(), 1_280, 900).unwrap();
    receive(&lab, axe);
    report(&lab, node, axe);
    import(&lab, node, &rig, axe);
    correct(&lab, node);
    assert_eq!(lab.browser.complaints().unwrap().iter().filter(|line| !line.contains("409")).count(), 0);
    // The site learns what became of its tubes (T5).
    until(&rig.site, &format!("/tubes/{}", barcode(5)), |shown| shown["verdict"]["outcome"] == "positive");
}

#[test]
fn a_barcode_that_nobody_heard_of_is_received_all_the_same_and_a_wrong_count_is_said() {
    if !browser() {
        return;
    }
    let rig = Rig::with_lab().unwrap();
    let node = rig.lab.as_ref().unwrap();
    let lab = Page::open(node.url(), 360, 740).unwrap();
    lab.press("n").unwrap();
    lab.browser.wait("a hint", "return document.querySelector('#notices').innerText.includes('请先扫采样管')").unwrap();
    // Its letters are those of the keys, and a scanner types them.
    lab.scan("NPIV77").unwrap();
    lab.browser.click_text("是转运箱").unwrap();
    lab.browser.fill("#arrived", "3").unwrap();
    lab.browser.click("#arrival form .strong").unwrap();
    lab.browser.wait("the receipt", "return document.querySelector('#arrival').innerText.includes('不一致')").unwrap();
    assert_eq!(node.get("/boxes/NPIV77").unwrap()["miscounts"][0]["counted"], 3);
    lab.scan("2204090001").unwrap();
    lab.browser.click_text("是采样管").unwrap();
    lab.press("n").unwrap();
    let shown = node.get("/tubes/2204090001").unwrap();
    assert_eq!(shown["verdict"]["outcome"], "negative");
}

#[test]
fn everybody_sees_the_board_and_nobody_but_the_supervisor_changes_it() {
    if !browser() {
        return;
    }
    let axe = axe().unwrap();
    let rig = Rig::build(&[]).unwrap();
    fill(&rig, 2);
    let screen = Browser::open(1_920, 1_080, &Options::default()).unwrap();
    screen.go(&format!("{}/board", rig.site.url())).unwrap();
    screen.wait("the queue", "return document.querySelector('#board.clear') !== null").unwrap();
    let site = Page::open(rig.site.url(), 360, 740).unwrap();
    site.browser.click_text("更多").unwrap();
    site.browser.click_text("现场屏幕").unwrap();
    site.browser.fill("#board-hours", "07:00–18:00").unwrap();
    site.look(axe.as_deref(), "the screen's panel");
    site.browser.click_text("拥挤").unwrap();
    screen.wait("a crowd", "return document.querySelector('#board.crowded') !== null").unwrap();
    let shown = screen.text("#board").unwrap();
    for words in ["拥挤", "Crowded", "07:00–18:00", "人民路 3 号采样点"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    for name in ["王芳", &resident(1).name, &resident(1).number[14..]] {
        assert!(!shown.contains(name), "{name}: {shown}");
    }
    if let Some(axe) = &axe {
        check(&screen, axe, "the board").unwrap();
    }
    site.browser.type_keys(ESCAPE).unwrap();
    let operator = Browser::open(1_280, 900, &Options::default()).unwrap();
    operator.go(rig.site.url()).unwrap();
    let operator = Page { browser: operator };
    operator.sign_in("李强", "314159").unwrap();
    operator.browser.click_text("更多").unwrap();
    operator.browser.wait("the tools", "return document.querySelector('#panel').innerText.includes('退出')").unwrap();
    assert!(!operator.browser.text("#panel").unwrap().contains("现场屏幕"));
}
