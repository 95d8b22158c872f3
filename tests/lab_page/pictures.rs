//! The pictures of the documentation, drawn from the pages themselves: `docs/pictures/draw-desk`.

use std::path::Path;

use serde_json::json;
use swabmesh_tests::browser::{Browser, Options};
use swabmesh_tests::repository::root;
use swabmesh_tests::site::Rig;

use crate::page::Page;
use crate::{POOL, TUBES, barcode, fill, pack, receive, until};

/// A phone, and a monitor.
const SIZES: [(&str, u32, u32); 2] = [("-phone", 360, 740), ("", 1_920, 1_080)];

/// Keeps what a page shows, at both sizes, once no passing notice covers it.
fn keep(browser: &Browser, folder: &Path, name: &str) {
    browser.wait("the notices are gone", "return !document.querySelector('#notices .notice')").unwrap();
    for (size, width, height) in SIZES {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        browser.devtools("Emulation.setDeviceMetricsOverride", &metrics).unwrap();
        std::fs::write(folder.join(format!("{name}{size}.png")), browser.picture().unwrap()).unwrap();
    }
}

#[test]
#[ignore = "draws the pictures of the documentation: docs/pictures/draw-desk"]
fn the_laboratory_the_board_and_the_end_of_the_day_are_drawn_for_the_documentation() {
    let folder = root().join("docs/pictures/desk");
    std::fs::create_dir_all(&folder).unwrap();
    let rig = Rig::with_lab().unwrap();
    fill(&rig, TUBES);
    let site = Page::open(rig.site.url(), 1_280, 900).unwrap();
    pack(&site, None);
    let receipted = "return document.querySelectorAll('#safety .copy dd')[2]?.textContent === '8'";
    site.browser.wait("receipts", receipted).unwrap();
    keep(&site.browser, &folder, "box");
    site.browser.click_text("关闭").unwrap();
    site.browser.click_text("日终").unwrap();
    site.browser.wait("the day", "return document.querySelector('#day-people') !== null").unwrap();
    keep(&site.browser, &folder, "day");
    site.browser.run("window.print = () => {}").unwrap();
    site.browser.click_text("打印").unwrap();
    site.browser.devtools("Emulation.setEmulatedMedia", &json!({ "media": "print" })).unwrap();
    site.browser.wait("the sheet", "return document.querySelector('#print h1') !== null").unwrap();
    std::fs::write(folder.join("day-print.png"), site.browser.picture().unwrap()).unwrap();

    let node = rig.lab.as_ref().unwrap();
    until(node, &format!("/tubes/{}", barcode(POOL)), |shown| shown["count"] == 2);
    until(node, "/boxes/BX0001", |shown| shown["handed_over"][0]["count"] == TUBES);
    let lab = Page::open(node.url(), 1_280, 900).unwrap();
    receive(&lab, None);
    for (number, key) in [(1, "n"), (3, "n"), (4, "v"), (2, "p")] {
        lab.scan(&barcode(number)).unwrap();
        lab.press(key).unwrap();
    }
    lab.browser.wait("the pool", "return document.querySelector('.roll li') !== null").unwrap();
    keep(&lab.browser, &folder, "lab");
    let file = rig.folder().join("plate.csv");
    std::fs::write(
        &file,
        format!("管号,结果\n{},阴性\nT 8,阴性\n{},阳性\n{},阴性\n", barcode(6), barcode(7), barcode(2)),
    )
    .unwrap();
    lab.browser.click_text("文件导入结果").unwrap();
    lab.browser.choose_file("#batch-file", &file).unwrap();
    lab.browser.wait("the judgement", "return document.querySelector('#batch-said') !== null").unwrap();
    keep(&lab.browser, &folder, "lab-file");

    let screen = Browser::open(1_920, 1_080, &Options::default()).unwrap();
    screen.go(&format!("{}/board", rig.site.url())).unwrap();
    screen.wait("the queue", "return document.querySelector('.figures') !== null").unwrap();
    keep(&screen, &folder, "board");
}
