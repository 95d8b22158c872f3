//! The pictures of the documentation, drawn from the page itself: `docs/pictures/draw-resident`.

use swabmesh_tests::repository::root;
use swabmesh_tests::site::{Rig, resident};

use crate::phone::{Phone, register};

#[test]
#[ignore = "draws the pictures of the documentation: docs/pictures/draw-resident"]
fn the_page_is_drawn_for_the_documentation() {
    let folder = root().join("docs/pictures/resident");
    std::fs::create_dir_all(&folder).unwrap();
    let rig = Rig::build(&[]).unwrap();
    let who = resident(40);
    register(&rig, &[&who]).unwrap();
    let symbol = "return document.querySelector('svg.qr') !== null";
    for (width, height, of) in [(360, 740, "phone"), (1_920, 1_080, "monitor")] {
        let phone = Phone::open(&rig, width, height).unwrap();
        let keep = |name: &str| {
            std::fs::write(folder.join(format!("{of}-{name}.png")), phone.browser.picture().unwrap()).unwrap();
        };
        phone.enter(&who).unwrap();
        keep("sign-in");
        phone.sign_in(&who).unwrap();
        keep("get");
        phone.browser.click_text("领取核酸码").unwrap();
        phone.browser.wait("a symbol", symbol).unwrap();
        keep("code");
        phone.browser.click_text("随申码").unwrap();
        phone.browser.click_text("启用动态码").unwrap();
        phone.browser.wait("a symbol", symbol).unwrap();
        keep("live");
        phone.browser.click(".tab:nth-child(3)").unwrap();
        phone.browser.wait("an answer", "return document.querySelector('main h2') !== null").unwrap();
        keep("results");
        phone.browser.click(".tab:nth-child(4)").unwrap();
        phone.browser.click_text("申请亲属码").unwrap();
        phone.browser.wait("the form", "return document.querySelector('#photo') !== null").unwrap();
        keep("apply");
        phone.browser.click_text("English").unwrap();
        phone.browser.click(".tab:nth-child(1)").unwrap();
        phone.browser.wait("a symbol", symbol).unwrap();
        keep("code-en");
    }
}
