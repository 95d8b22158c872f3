//! A telephone that was typed once: the next visit says so without the desk ever reading the number again.

use serde_json::{Value, json};
use swabmesh_tests::browser::{Browser, Options};
use swabmesh_tests::hall::{log_in_as_supervisor, look_up};
use swabmesh_tests::site::{Resident, Rig, resident};

use crate::browser;
use crate::desk::Desk;

const PHONE: &str = "13800000000";
const OFFER: &str = "const offer = document.querySelector('label[for=document-same-phone]'); return offer && !offer.hidden ? offer.innerText : ''";

fn open(rig: &Rig, tube: &str) {
    rig.site.post("/tubes", &json!({ "tube": tube, "pool": 10, "operator": "李强" })).unwrap();
}

fn registered(rig: &Rig, who: &Resident, tube: &str, phone: &str) -> Value {
    let document = json!({ "type": 1, "number": who.number, "name": who.name, "phone": phone });
    let body = json!({ "tube": tube, "operator": "李强", "document": document });
    let judged = rig.site.post("/registrations", &body).unwrap();
    assert_eq!(judged.get("document_warnings"), Some(&json!([])), "what was typed was kept");
    judged
}

/// Opens the newest registration of a tube at the authority's page, and reads what is under Telephone.
fn telephone_at_the_authority(rig: &Rig, tube: &str) -> String {
    let page = Browser::open(1_280, 900, &Options::default()).unwrap();
    page.go(rig.authority.url()).unwrap();
    log_in_as_supervisor(&page).unwrap();
    page.wait("the board", "return document.querySelector('.who') !== null").unwrap();
    page.go(&format!("{}/city/search", rig.authority.url())).unwrap();
    look_up(&page, tube, "联系密接").unwrap()
}

#[test]
fn a_telephone_given_at_the_last_visit_is_offered_kept_by_default_and_read_by_the_authority_alone() {
    if !browser() {
        return;
    }
    let rig = Rig::build(&[]).unwrap();
    rig.wait_in_sync().unwrap();
    let (who, silent) = (resident(50), resident(51));
    open(&rig, "2204090001");
    let first = registered(&rig, &who, "2204090001", PHONE);
    registered(&rig, &silent, "2204090001", "");

    let desk = Desk::open(&rig, 1_280, 900).unwrap();
    desk.scan("2204090002").unwrap();
    // Whoever gave none is offered nothing.
    desk.browser.click_text("证件登记").unwrap();
    let typed = |who: &Resident| {
        desk.browser.fill("#document-number", &who.number).unwrap();
        desk.browser.fill("#document-name", &who.name).unwrap();
        let judged = format!(
            "return document.querySelector('#document-said.good')?.innerText.includes('{}')",
            &who.number[14..]
        );
        desk.browser.wait("it is judged", &judged).unwrap();
    };
    typed(&silent);
    assert_eq!(desk.browser.run(OFFER).unwrap(), "");
    // Whoever gave one is offered it, with the day and never the number; typing another takes the offer away.
    typed(&who);
    desk.browser.wait("the offer", OFFER).unwrap();
    let offer = desk.browser.run(OFFER).unwrap();
    let offer = offer.as_str().unwrap();
    assert!(offer.starts_with("沿用 20") && offer.ends_with("在本点留下的手机号"), "{offer}");
    desk.browser.fill("#document-phone", "139").unwrap();
    assert_eq!(desk.browser.run(OFFER).unwrap(), "");
    let emptied = "const phone = document.querySelector('#document-phone'); phone.value = ''; phone.dispatchEvent(new Event('input'))";
    desk.browser.run(emptied).unwrap();
    assert_ne!(desk.browser.run(OFFER).unwrap(), "");
    assert!(!desk.browser.run("return document.documentElement.outerHTML").unwrap().to_string().contains(PHONE));
    let before = desk.verdicts().unwrap();
    desk.browser.click("#panel form .strong").unwrap();
    desk.browser.wait("a verdict", &format!("return window.swabmesh.toScreen.length > {before}")).unwrap();
    desk.expect("amber").unwrap();
    desk.go_on("需要再采一次").unwrap();
    assert_eq!(desk.browser.complaints().unwrap(), Vec::<String>::new());

    // The same from the command line.
    open(&rig, "2204090003");
    let by_hand = |who: &Resident| {
        let arguments =
            ["site", "register", "--document", "--number", &who.number, "--name", &who.name, "--same-phone"];
        let rest = ["--tube", "2204090003", "--operator", "李强", "--reason", "again", "--json"];
        serde_json::from_str::<Value>(&rig.site.done(&[&arguments[..], &rest].concat()).unwrap()).unwrap()
    };
    assert_eq!(by_hand(&who)["document_warnings"], json!([]));
    let unknown = by_hand(&silent);
    assert!(
        unknown["document_warnings"][0].as_str().unwrap().contains("no telephone of an earlier visit"),
        "{unknown}"
    );

    // The authority follows the reference, and both looks are on record.
    desk.browser.wait("receipts", "return document.querySelectorAll('.copy dd')[2]?.textContent === '5'").unwrap();
    let shown = telephone_at_the_authority(&rig, "2204090002");
    assert!(shown.contains(PHONE) && shown.contains("沿用"), "{shown}");
    let looks = rig.authority.done(&["authority", "audit", "show"]).unwrap();
    let first = first["registration"].as_str().unwrap();
    let of_the_first = |line: &&str| line.contains(&format!("{first}, the telephone of ")) && line.contains("赵敏");
    assert_eq!(looks.lines().filter(of_the_first).count(), 1, "{looks}");
}
