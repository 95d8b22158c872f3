//! A tube at the page: reopened by a supervisor only, and opened by the camera over TLS.

use image::{GrayImage, Luma};
use serde_json::{Value, json};
use swabmesh_node::loopback::free_address;
use swabmesh_tests::browser::{Browser, ESCAPE, Options};
use swabmesh_tests::site::{Rig, must, resident};

use crate::desk::Desk;
use crate::{browser, film};

const TUBE: &str = "2204090001";

/// Opens the panel of the tube and asks for it to be filled again.
fn reopen(desk: &Desk) {
    desk.browser.click_text("全部").unwrap();
    desk.browser.click_text(TUBE).unwrap();
    desk.browser.click_text("没满就封了").unwrap();
}

#[test]
fn a_supervisor_reopens_a_sealed_tube_with_a_reason_and_an_operator_is_told_that_one_is_needed() {
    if !browser() {
        return;
    }
    let rig = Rig::build(&[]).unwrap();
    rig.wait_in_sync().unwrap();
    rig.site.post("/tubes", &json!({ "tube": TUBE, "pool": 5, "operator": "李强" })).unwrap();
    let code = rig.code("static", &resident(1)).unwrap();
    rig.site.post("/registrations", &json!({ "tube": TUBE, "code": code, "operator": "李强" })).unwrap();
    rig.site.post(&format!("/tubes/{TUBE}/seal"), &json!({ "operator": "李强", "not_full": true })).unwrap();
    let shown = || rig.site.get(&format!("/tubes/{TUBE}")).unwrap();

    let operator = Desk { browser: Browser::open(1_280, 900, &Options::default()).unwrap() };
    operator.browser.go(rig.site.url()).unwrap();
    operator.sign_in("李强", "314159").unwrap();
    reopen(&operator);
    let told = "return document.querySelector('#notices').innerText.includes('请班长登录后操作')";
    operator.browser.wait("a refusal", told).unwrap();
    assert_eq!((shown()["seals"].as_array().unwrap().len(), &shown()["reopened"]), (1, &json!([])));

    let desk = Desk::open(&rig, 360, 740).unwrap();
    reopen(&desk);
    let said = "return /王芳 于 今天 .* 重新开管：没满就封了/.test(document.querySelector('#panel').innerText)";
    desk.browser.wait("who reopened it", said).unwrap();
    let reopened = shown();
    assert_eq!(reopened["seals"], json!([]));
    assert_eq!(reopened["reopened"][0]["by"]["operator"], "王芳");
    desk.browser.click_text("关闭").unwrap();
    assert!(desk.scan(TUBE).unwrap().contains("继续此管"));
    assert!(desk.scan(&rig.code("static", &resident(2)).unwrap()).unwrap().contains("通过"));
    desk.browser.type_keys(ESCAPE).unwrap();
    desk.browser.click_text("English").unwrap();
    desk.browser.click_text("All tubes").unwrap();
    desk.browser.click_text(TUBE).unwrap();
    let said = "return document.querySelector('#panel').innerText.includes('reopened by 王芳, today')";
    desk.browser.wait("the same in English", said).unwrap();
}

/// The label of a tube as this site prints it, drawn with modules of some pixels.
fn label(desk: &Desk, module_px: u32) -> GrayImage {
    let ask = format!("const done = arguments[0]; fetch('/desk/labels/{TUBE}').then((a) => a.text()).then(done)");
    let svg = desk.browser.run_async(&ask).unwrap();
    let svg = svg.as_str().unwrap();
    let width = svg.split("viewBox=\"0 0 ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let mut label = GrayImage::from_pixel(width.parse::<u32>().unwrap() * module_px, 160, Luma([255]));
    // A bar is `M12 0h3v30h-3z`: three modules from the twelfth on. The first path is the white below all of them.
    for bar in svg.split('M').skip(2).filter_map(|bar| bar.split('v').next()?.split_once(" 0h")) {
        let (Ok(from), Ok(wide)) = (bar.0.parse::<u32>(), bar.1.parse::<u32>()) else { continue };
        let dark = from * module_px..(from + wide) * module_px;
        dark.for_each(|x| (0..160).for_each(|y| label.put_pixel(x, y, Luma([0]))));
    }
    label
}

#[test]
fn over_tls_a_tablets_camera_opens_a_tube_by_its_label_and_registers_a_person_by_the_code() {
    if !browser() {
        return;
    }
    let address = free_address().unwrap().to_string();
    let rig = Rig::build(&["--https-listen", &address]).unwrap();
    rig.wait_in_sync().unwrap();
    let page = format!("https://{address}/");
    // What the site's own screen shows: the label, and the address and the fingerprint for tablets.
    let own = Desk::open(&rig, 1_280, 900).unwrap();
    own.browser.click_text("更多").unwrap();
    own.browser.click_text("平板").unwrap();
    let shown = format!("return document.querySelector('#panel').innerText.includes({})", json!(page));
    own.browser.wait("the invitation", &shown).unwrap();
    let png = rig.folder().join("code.png");
    let code = rig.code("static", &resident(300)).unwrap();
    must(&["code", "render", "--png", png.to_str().unwrap(), "--module-px", "4"], &code).unwrap();
    let film = rig.folder().join("tablet.y4m");
    // The label is held almost level for five seconds, the phone for one: longer apart than one code is ignored.
    let mut scenes = vec![(label(&own, 3), -14.0); 5];
    scenes.push((image::open(&png).unwrap().into_luma8(), 30.0));
    film::write(&film, &scenes).unwrap();

    let stranger = Browser::open(1_280, 900, &Options::default()).unwrap();
    let _ = stranger.go(&page);
    let served = stranger.run("return document.querySelector('#panel') !== null").unwrap();
    assert_eq!(served, Value::Bool(false), "nobody trusts the node's certificate by itself");
    let options = Options { camera: Some(film), any_certificate: true };
    let desk = Desk { browser: Browser::open(1_280, 900, &options).unwrap() };
    desk.browser.go(&page).unwrap();
    desk.sign_in("李强", "314159").unwrap();
    assert_eq!(desk.browser.run("return isSecureContext").unwrap(), Value::Bool(true));
    desk.browser.click_text("摄像头").unwrap();
    desk.browser
        .wait("a person in the tube", "return document.querySelector('#tube .tube-count b').textContent === '1'")
        .unwrap();
    assert_eq!(desk.browser.text("#tube .tube-barcode").unwrap(), TUBE);
    let lines = rig.site.get("/registrations?limit=10").unwrap();
    assert_eq!(lines[0]["last_four"], resident(300).number[14..]);
}
