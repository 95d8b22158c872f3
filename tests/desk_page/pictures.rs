//! The pictures of the documentation, drawn from the page itself: `docs/pictures/draw-desk`.

use std::path::Path;

use swabmesh_tests::browser::ESCAPE;
use swabmesh_tests::repository::root;
use swabmesh_tests::site::{Rig, resident};

use crate::desk::Desk;

/// Keeps a picture of what the page shows.
fn keep(desk: &Desk, folder: &Path, name: &str) {
    std::fs::write(folder.join(format!("{name}.png")), desk.browser.picture().unwrap()).unwrap();
}

#[test]
#[ignore = "draws the pictures of the documentation: docs/pictures/draw-desk"]
fn the_page_is_drawn_for_the_documentation() {
    let folder = root().join("docs/pictures/desk");
    std::fs::create_dir_all(&folder).unwrap();
    let rig = Rig::build(&[]).unwrap();
    rig.wait_in_sync().unwrap();
    let desk = Desk::open(&rig, 1_280, 800).unwrap();
    desk.scan("2204090017").unwrap();
    for number in 0..6 {
        desk.scan(&rig.code("static", &resident(20 + number)).unwrap()).unwrap();
    }
    keep(&desk, &folder, "green");
    desk.scan(&rig.code("static", &resident(21)).unwrap()).unwrap();
    keep(&desk, &folder, "amber");
    desk.scan("JKY:8f2a1c").unwrap();
    keep(&desk, &folder, "red");
    desk.browser.type_keys(ESCAPE).unwrap();
    desk.browser.wait("a receipt", "return document.querySelectorAll('.copy dd')[2]?.textContent === '6'").unwrap();
    keep(&desk, &folder, "desk");
    desk.browser.click_text("证件登记").unwrap();
    desk.browser.fill("#document-number", &resident(90).number).unwrap();
    desk.browser.wait("it is judged", "return document.querySelector('.said.good') !== null").unwrap();
    keep(&desk, &folder, "document");
    let phone = Desk::open(&rig, 360, 740).unwrap();
    phone.scan("2204090017").unwrap();
    phone.browser.type_keys(ESCAPE).unwrap();
    keep(&phone, &folder, "phone");
    phone.scan(&rig.code("static", &resident(30)).unwrap()).unwrap();
    keep(&phone, &folder, "phone-green");
    desk.browser.type_keys(ESCAPE).unwrap();
    desk.browser.click_text("关闭").unwrap();
    desk.browser.click_text("English").unwrap();
    keep(&desk, &folder, "desk-en");
}
