//! The desk page in a real browser: a scanner that types, a node that dies, a camera that sees rotated codes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "desk_page/access.rs"]
mod access;
#[path = "desk_page/desk.rs"]
mod desk;
#[path = "desk_page/film.rs"]
mod film;
#[path = "desk_page/inbox.rs"]
mod inbox;
#[path = "desk_page/measure.rs"]
mod measure;
#[path = "desk_page/pictures.rs"]
mod pictures;
#[path = "desk_page/shift.rs"]
mod shift;
#[path = "desk_page/telephone.rs"]
mod telephone;
#[path = "desk_page/tube.rs"]
mod tube;

use desk::Desk;
use serde_json::Value;
use swabmesh_tests::browser::{self, Browser, ENTER, ESCAPE, Options, TAB};
use swabmesh_tests::site::{Rig, must, resident};
use swabmesh_tests::tool;

/// Whether a browser is there; a test without one says so and ends.
fn browser() -> bool {
    let there = browser::is_installed();
    if !there {
        tool::missing("chromium or chromedriver").unwrap();
    }
    there
}

#[test]
fn a_scanner_is_understood_whatever_ends_its_codes_and_whatever_input_method_is_on() {
    if !browser() {
        return;
    }
    let rig = Rig::build(&[]).unwrap();
    rig.wait_in_sync().unwrap();
    let desk = Desk::open(&rig, 1280, 900).unwrap();
    assert!(desk.scan("2204090001").unwrap().contains("新管已开"));
    let code = |number| rig.code("static", &resident(number)).unwrap();
    for (number, ends) in [(1, ENTER), (2, TAB), (3, "")] {
        let shown = desk.type_scan(&code(number), ends).unwrap();
        assert!(shown.contains("通过") && shown.contains(&resident(number).number[14..]), "{number}: {shown}");
    }
    // An input method that keeps the keys to itself: only the physical key is told.
    desk.type_hidden(&code(4)).unwrap();
    assert!(desk.shown().unwrap().contains(&resident(4).number[14..]));
    // Full-width letters and lower case, as a confused input method types them.
    let wide: String = code(5)
        .chars()
        .map(|c| if c == ' ' { '\u{3000}' } else { char::from_u32(u32::from(c) + 0xfee0).unwrap() })
        .collect();
    assert!(desk.type_scan(&wide, ENTER).unwrap().contains("通过"));
    // In a field that somebody left focused.
    desk.browser.click_text("手输条码").unwrap();
    let shown = desk.type_scan(&code(6), ENTER).unwrap();
    assert!(shown.contains("通过"), "{shown}");
    assert_eq!(desk.browser.run("return document.querySelector('#barcode').value").unwrap(), "");
    assert_eq!(desk.browser.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn one_operator_registers_two_hundred_people_through_two_power_cuts_and_nothing_green_is_missing() {
    if !browser() {
        return;
    }
    let mut rig = Rig::build(&[]).unwrap();
    rig.wait_in_sync().unwrap();
    let desk = Desk::open(&rig, 1280, 900).unwrap();
    let done = shift::work(&mut rig, &desk).unwrap();
    let held: Vec<Value> = rig.site.get("/registrations?limit=1000").unwrap().as_array().unwrap().clone();
    let on_disk: Vec<&str> = held.iter().map(|line| line["last_four"].as_str().unwrap()).collect();
    for last_four in &done.green {
        assert!(on_disk.contains(&last_four.as_str()), "{last_four} was shown green and is missing");
    }
    assert_eq!(held.len(), done.registered, "{done:?}");
    let tubes = rig.site.get("/tubes").unwrap();
    let counted: u64 = tubes.as_array().unwrap().iter().map(|tube| tube["count"].as_u64().unwrap()).sum();
    assert_eq!(usize::try_from(counted).unwrap(), done.registered);
}

#[test]
fn the_camera_reads_codes_that_are_turned_and_blurred_and_each_person_is_registered_once() {
    if !browser() {
        return;
    }
    let rig = Rig::build(&[]).unwrap();
    rig.wait_in_sync().unwrap();
    let people: Vec<u32> = (300..304).collect();
    let symbol = |number: &u32| {
        let png = rig.folder().join(format!("{number}.png"));
        let arguments = ["code", "render", "--png", png.to_str().unwrap(), "--module-px", "4"];
        must(&arguments, &rig.code("static", &resident(*number)).unwrap()).unwrap();
        image::open(&png).unwrap().into_luma8()
    };
    let symbols: Vec<_> = people.iter().map(symbol).zip([0.0, 25.0, 50.0, 75.0]).collect();
    let film = rig.folder().join("codes.y4m");
    film::write(&film, &symbols).unwrap();
    let options = Options { camera: Some(film), any_certificate: false };
    let desk = Desk { browser: Browser::open(1280, 900, &options).unwrap() };
    desk.browser.go(rig.site.url()).unwrap();
    desk.sign_in("李强", "314159").unwrap();
    desk.scan("2204090001").unwrap();
    desk.browser.type_keys(ESCAPE).unwrap();
    desk.browser.click_text("摄像头").unwrap();
    let all = format!("return document.querySelector('#tube .tube-count b').textContent === '{}'", people.len());
    desk.browser.wait("everybody is registered", &all).unwrap();
    let lines = rig.site.get("/registrations?limit=100").unwrap();
    let mut seen: Vec<&str> =
        lines.as_array().unwrap().iter().map(|line| line["last_four"].as_str().unwrap()).collect();
    seen.sort_unstable();
    let mut expected: Vec<String> = people.iter().map(|number| resident(*number).number[14..].to_owned()).collect();
    expected.sort();
    assert_eq!(seen, expected);
}
