//! The resident's page in a real browser: two taps to a code, a live code that a site takes and a screenshot of it that
//! nobody takes, and both with the authority gone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "resident_page/access.rs"]
mod access;
#[path = "resident_page/phone.rs"]
mod phone;
#[path = "resident_page/pictures.rs"]
mod pictures;

use phone::{Phone, register};
use serde_json::{Value, json};
use swabmesh_tests::browser::{self, ENTER};
use swabmesh_tests::site::{Rig, must, resident};
use swabmesh_tests::tool;

/// Seconds after which a presentation is over at a site: 30 of its own, 30 of grace, and the one that began it.
const SCREENSHOT_OVER_S: u64 = 61;

/// Whether a browser is there; a test without one says so and ends.
fn browser() -> bool {
    let there = browser::is_installed();
    if !there {
        tool::missing("chromium or chromedriver").unwrap();
    }
    there
}

fn now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// What a third party with the authority's public keys says of a picture, at a moment.
fn verified(rig: &Rig, picture: &[u8], at_s: u64) -> Value {
    let (png, issuers) = (rig.folder().join("shown.png"), rig.folder().join("issuers.json"));
    std::fs::write(&png, picture).unwrap();
    let lines = rig.authority.done(&["authority", "key", "list", "--json"]).unwrap();
    let key = |line: &str| {
        let mut key: Value = serde_json::from_str(line).unwrap();
        key.as_object_mut().unwrap().remove("valid_codes");
        key
    };
    let keys: Vec<Value> = lines.lines().map(key).collect();
    std::fs::write(&issuers, json!({ "issuers": keys }).to_string()).unwrap();
    let (png, issuers, at) = (png.to_str().unwrap(), issuers.to_str().unwrap(), at_s.to_string());
    let said = must(&["code", "verify", png, "--issuers", issuers, "--at", &at, "--json"], "").unwrap();
    serde_json::from_str(said.lines().next().unwrap_or("null")).unwrap()
}

#[test]
fn a_resident_signs_in_gets_the_code_in_two_taps_and_the_saved_image_is_as_good_as_the_page() {
    if !browser() {
        return;
    }
    let rig = Rig::build(&[]).unwrap();
    let who = resident(40);
    register(&rig, &[&who]).unwrap();
    let phone = Phone::open(&rig, 360, 740).unwrap();
    phone.enter(&who).unwrap();
    phone.browser.click_text("登录").unwrap();
    phone.browser.click_text("领取核酸码").unwrap();
    phone.browser.wait("a symbol", "return document.querySelector('.card svg.qr') !== null").unwrap();
    let shown = phone.browser.text("main").unwrap();
    assert!(shown.contains(&who.number[14..]) && shown.contains("有效期至") && shown.contains("还有 29 天"), "{shown}");
    assert!(!shown.contains(&who.name) && !shown.contains(&who.number), "{shown}");

    let document = json!(format!("1:{}", &who.number[14..]));
    let page = verified(&rig, &phone.browser.picture().unwrap(), now_s());
    assert_eq!((&page["kind"], &page["document"]), (&json!("static"), &document), "{page}");
    let image = phone.saved_image().unwrap();
    let saved = verified(&rig, &image, now_s());
    assert_eq!(saved, page);
    assert_ne!(saved["verdict"], "red", "{saved}");

    // The same person on another phone gets the same code; nothing of theirs is left after signing out.
    let text = phone.kept_code().unwrap();
    let other = Phone::open(&rig, 360, 740).unwrap();
    other.sign_in(&who).unwrap();
    other.browser.click_text("领取核酸码").unwrap();
    other.browser.wait("a symbol", "return document.querySelector('.card svg.qr') !== null").unwrap();
    assert_eq!(other.kept_code().unwrap(), text);
    other.browser.click("#leave").unwrap();
    other.browser.wait("the door", "return document.querySelector('#proof-number') !== null").unwrap();
    assert_eq!(
        other.browser.run("return Object.keys(localStorage).filter((k) => /code|live/.test(k))").unwrap(),
        json!([])
    );
    assert_eq!(phone.browser.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn the_live_code_is_green_at_a_site_a_screenshot_of_it_is_refused_and_both_codes_open_with_the_authority_gone() {
    if !browser() {
        return;
    }
    let mut rig = Rig::build(&[]).unwrap();
    rig.wait_in_sync().unwrap();
    let who = resident(41);
    register(&rig, &[&who]).unwrap();
    let phone = Phone::open(&rig, 360, 740).unwrap();
    phone.sign_in(&who).unwrap();
    phone.browser.click_text("领取核酸码").unwrap();
    phone.browser.wait("a symbol", "return document.querySelector('.card svg.qr') !== null").unwrap();
    phone.browser.click_text("随申码").unwrap();
    phone.browser.click_text("启用动态码").unwrap();
    phone.browser.wait("a symbol", "return document.querySelector('.live svg.qr') !== null").unwrap();

    // The key cannot be taken out, not even by the page.
    let exported = phone.browser.run_async(
        "const done = arguments[arguments.length - 1];
         const opening = indexedDB.open('swabmesh.resident', 1);
         opening.onsuccess = () => opening.result.transaction('keys').objectStore('keys').get('phone').onsuccess = ({ target }) =>
           crypto.subtle.exportKey('pkcs8', target.result.privateKey).then(() => done('exported'), (error) => done(error.name));",
    );
    assert_eq!(exported.unwrap(), "InvalidAccessError");

    phone.browser.wait("the worker", "return navigator.serviceWorker.controller !== null").unwrap();
    rig.authority.kill();
    phone.browser.run("location.reload()").unwrap();
    phone.browser.wait("the code", "return document.querySelector('.card:not(.live) svg.qr') !== null").unwrap();
    phone.browser.wait("it is said", "return !document.querySelector('#offline').hidden").unwrap();
    assert_eq!(verified(&rig, &phone.browser.picture().unwrap(), now_s())["kind"], "static");
    phone.browser.click_text("随申码").unwrap();
    phone.browser.wait("a symbol", "return document.querySelector('.live svg.qr') !== null").unwrap();

    // Of the live page, as it is shown with no network: taken now, and a minute later.
    let (screenshot, taken_s) = (phone.browser.picture().unwrap(), now_s());
    let live = verified(&rig, &screenshot, taken_s);
    let document = json!(format!("1:{}", &who.number[14..]));
    assert_eq!((&live["kind"], &live["document"]), (&json!("live-presentation"), &document), "{live}");
    assert_ne!(live["verdict"], "red", "{live}");
    let late = verified(&rig, &screenshot, taken_s + SCREENSHOT_OVER_S);
    assert_eq!((&late["verdict"], &late["reason"]), (&json!("red"), &json!("screenshot")), "{late}");

    // A site that hears nothing of the authority either sees what the phone shows.
    let desk = browser::Browser::open(1_280, 800, &browser::Options::default()).unwrap();
    desk.go(rig.site.url()).unwrap();
    desk.click_text("王芳").unwrap();
    desk.wait("the pad", "return document.querySelector('.dots') !== null").unwrap();
    desk.type_keys(&format!("271828{ENTER}")).unwrap();
    desk.wait("the desk", "return !document.querySelector('#desk').hidden").unwrap();
    desk.type_keys(&format!("2204090041{ENTER}")).unwrap();
    desk.wait("a tube", "return window.swabmesh.toScreen.length > 0").unwrap();
    let drop = phone::dropped(&phone.browser.picture().unwrap());
    desk.run(&drop).unwrap();
    desk.wait("a verdict", "return window.swabmesh.toScreen.length > 1").unwrap();
    let verdict = desk.text("#verdict").unwrap();
    assert!(verdict.contains("通过") && verdict.contains(&who.number[14..]), "{verdict}");
}

#[test]
fn whoever_does_not_know_the_name_is_not_let_in_and_five_tries_lock_the_person() {
    if !browser() {
        return;
    }
    let rig = Rig::build(&[]).unwrap();
    let (who, stranger) = (resident(42), resident(43));
    register(&rig, &[&who]).unwrap();
    let phone = Phone::open(&rig, 360, 740).unwrap();
    let session = |number: &str, name: &str| {
        let body = json!({ "type": 1, "number": number, "name": name });
        let script = format!(
            "const done = arguments[arguments.length - 1];
             fetch('/resident/api/session', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, body: JSON.stringify({body}) }})
               .then(async (answer) => done([answer.status, await answer.text(), document.cookie]));"
        );
        phone.browser.run_async(&script).unwrap()
    };
    let unknown = session(&stranger.number, &stranger.name);
    for _ in 0..5 {
        let wrong = session(&who.number, "别人");
        // Wrong and unknown are one answer: nobody learns who is registered.
        assert_eq!((&wrong[0], &wrong[1]), (&json!(403), &unknown[1]));
    }
    assert_eq!(session(&who.number, &who.name)[0], 429, "locked, even for the right name");
    let looks = rig.authority.done(&["authority", "audit", "show", "--json"]).unwrap();
    assert_eq!(looks.matches("compares the name at signing in").count(), 6, "{looks}");
    assert!(!looks.contains(&who.number));
}

#[test]
fn a_relative_is_applied_for_with_a_photograph_and_once_approved_their_code_and_results_are_shown() {
    if !browser() {
        return;
    }
    let rig = Rig::build(&[]).unwrap();
    // Born in 1950 and in 1999: an elder, and somebody who is neither young nor old.
    let (child, mother, friend) = (resident(49), resident(50), resident(99));
    register(&rig, &[&child, &mother, &friend]).unwrap();
    let phone = Phone::open(&rig, 360, 740).unwrap();
    phone.sign_in(&child).unwrap();
    phone.apply(&friend, "其他亲属").unwrap();
    let refusal = phone.browser.wait("a refusal", "return document.querySelector('#notice').textContent").unwrap();
    assert!(refusal.as_str().unwrap().contains("未满 60 岁"), "{refusal}");
    phone.apply(&mother, "母亲").unwrap();
    phone.browser.wait("it waits", "return document.querySelector('.link.applied') !== null").unwrap();
    assert!(!phone.browser.text("main").unwrap().contains("出示亲属码"));

    let waiting = rig.authority.get("/links").unwrap();
    let link = waiting[0]["link"].as_str().unwrap();
    let decided = json!({ "operator": "zhao", "reason": "in the register" });
    rig.authority.post(&format!("/links/{link}/approve"), &decided).unwrap();
    phone.browser.click(".tab:nth-child(4)").unwrap();
    phone.browser.click_text("出示亲属码").unwrap();
    phone.browser.wait("a symbol", "return document.querySelector('.card svg.qr') !== null").unwrap();
    let shown = verified(&rig, &phone.browser.picture().unwrap(), now_s());
    let document = json!(format!("1:{}", &mother.number[14..]));
    assert_eq!((&shown["kind"], &shown["document"]), (&json!("relative"), &document), "{shown}");

    // Sampled at the site: the result is on its way, hers and nobody else's.
    rig.wait_in_sync().unwrap();
    rig.site.post("/tubes", &json!({ "tube": "2204090050", "pool": 10, "operator": "wang" })).unwrap();
    for who in [&mother, &friend] {
        let document = json!({ "type": 1, "number": who.number, "name": who.name });
        let registration = json!({ "tube": "2204090050", "operator": "wang", "document": document });
        assert_eq!(rig.site.post("/registrations", &registration).unwrap()["verdict"], "green");
    }
    // Asked again and again: the registration is on its way from the site.
    phone.browser.click(".tab:nth-child(3)").unwrap();
    let shown = "if (document.querySelectorAll('.result.waiting').length === 1) return true;
         [...document.querySelectorAll('main button')].find((one) => one.textContent === '刷新')?.click();
         return false;";
    phone.browser.wait("the sample is shown", shown).unwrap();
    let results = phone.browser.text("main").unwrap();
    assert!(results.contains("母亲") && results.contains("检测中") && results.contains("还没有采样记录"), "{results}");
    let looks = rig.authority.done(&["authority", "audit", "show", "--json"]).unwrap();
    assert!(looks.contains("through the resident's page"), "{looks}");
}
