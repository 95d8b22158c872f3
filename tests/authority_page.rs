//! The authority's page in a real browser: logging in, admitting a site, deciding a case, looking somebody up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use swabmesh_tests::access::{axe, check_reading};
use swabmesh_tests::browser::{self, Browser, Options};
use swabmesh_tests::hall::{log_in, log_in_as_supervisor, look_up};
use swabmesh_tests::place::{Place, text};
use swabmesh_tests::repository::root;
use swabmesh_tests::site::{Resident, Rig, resident};
use swabmesh_tests::tool;

/// A phone, and a monitor.
const SIZES: [(u32, u32, &str); 2] = [(360, 740, "phone"), (1_920, 1_080, "monitor")];

/// What the board shows once both sites' registrations have arrived.
const BOTH: &str = "return document.querySelector('[data-live=registered_today]')?.innerText === '2'";

/// Whether a browser is there; a test without one says so and ends.
fn browser() -> bool {
    let there = browser::is_installed();
    if !there {
        tool::missing("chromium or chromedriver").unwrap();
    }
    there
}

/// A city in which one person was registered at two sites that know nothing of each other.
struct City {
    rig: Rig,
    _other: Place,
}

impl City {
    fn build(who: &Resident) -> Self {
        let rig = Rig::build(&[]).unwrap();
        let other = rig.another_site("东门采样点", "7").unwrap();
        rig.wait_in_sync().unwrap();
        for (site, tube) in [(&rig.site, "2204090001"), (&other, "2204090002")] {
            site.post("/tubes", &json!({ "tube": tube, "pool": 10, "operator": "li" })).unwrap();
            let document = json!({ "type": 1, "number": who.number, "name": who.name });
            let body = json!({ "tube": tube, "operator": "li", "document": document });
            site.post("/registrations", &body).unwrap();
        }
        Self { rig, _other: other }
    }
}

fn at_the_door(rig: &Rig, (width, height, _): (u32, u32, &str)) -> anyhow::Result<Browser> {
    let page = Browser::open(width, height, &Options::default())?;
    page.go(rig.authority.url())?;
    Ok(page)
}

fn enter(rig: &Rig, size: (u32, u32, &str)) -> anyhow::Result<Browser> {
    let page = at_the_door(rig, size)?;
    log_in_as_supervisor(&page)?;
    page.wait("both registrations", BOTH)?;
    Ok(page)
}

/// Goes to a place of the navigation and waits until it is there.
fn visit(page: &Browser, place: &str) -> anyhow::Result<()> {
    page.click(&format!("nav a[href='{place}']"))?;
    page.wait(place, &format!("return location.pathname === '{place}'")).map(drop)
}

#[test]
fn an_operator_logs_in_admits_a_site_decides_a_case_and_looks_somebody_up() {
    if !browser() {
        return;
    }
    let who = resident(40);
    let City { rig, .. } = &City::build(&who);
    let page = Browser::open(1_280, 900, &Options::default()).unwrap();
    page.go(rig.authority.url()).unwrap();
    log_in(&page, "赵敏", "271828").unwrap();
    page.wait("a refusal", "return document.querySelector('[role=alert]')?.innerText.includes('PIN 不对')").unwrap();
    log_in_as_supervisor(&page).unwrap();
    page.wait("both registrations", BOTH).unwrap();
    page.click("#language").unwrap();
    assert_eq!(page.text("h1").unwrap().lines().next().unwrap().split(' ').next(), Some("The"));
    page.click("#language").unwrap();

    // A site that asks to join is admitted, and what is shown lets it in.
    let new = Place::at("site", rig.folder().join("new"));
    new.done(&["site", "init", "--name", "南门采样点", "--cell", "7"]).unwrap();
    visit(&page, "/city/enrolments").unwrap();
    let request = std::fs::read_to_string(new.data.join("enrolment/request")).unwrap();
    page.fill("textarea[name=request]", request.trim()).unwrap();
    page.click_text("收下申请").unwrap();
    page.click("button[value=approve]").unwrap();
    let shown = page
        .wait("an answer", "return document.querySelector('.symbol svg') && document.querySelector('textarea').value");
    let answer = new.data.join("answer");
    std::fs::write(&answer, shown.unwrap().as_str().unwrap()).unwrap();
    new.done(&["site", "join", text(&answer).unwrap()]).unwrap();

    visit(&page, "/city/cases").unwrap();
    page.wait("a case", "return document.querySelectorAll('.case').length === 1").unwrap();
    page.click(".case .choice:last-of-type").unwrap();
    page.fill(".case input[name=reason]", "与本人核实").unwrap();
    page.click(".case button").unwrap();
    page.wait("no case", "return document.querySelector('.case') === null && document.querySelector('main .hint')")
        .unwrap();

    visit(&page, "/city/search").unwrap();
    let shown = look_up(&page, "2204090001", "本人来电查询").unwrap();
    assert!(shown.contains(&who.name));
    visit(&page, "/city/recall").unwrap();
    rig.authority.done(&["authority", "recall", "2204090001", "--operator", "钱进"]).unwrap();
    rig.authority.done(&["authority", "recall"]).unwrap();
    let looks = rig.authority.done(&["authority", "audit", "show"]).unwrap();
    for (who, what) in [
        ("赵敏", "everyone in positive pools"),
        ("钱进", "tube 2204090001"),
        ("a program with the node's token", "everyone in positive pools"),
    ] {
        let on_record = |line: &str| line.contains("recall") && line.contains(who) && line.contains(what);
        assert_eq!(looks.lines().filter(|line| on_record(line)).count(), 1, "{who}: {looks}");
    }
    let named = looks.lines().filter(|line| line.contains("本人来电查询") && line.contains("赵敏"));
    assert_eq!(named.count(), 2, "{looks}");

    page.click(".who button").unwrap();
    page.wait("the door", "return location.pathname === '/city/login'").unwrap();
    let complaints = page.complaints().unwrap();
    // The wrong PIN was answered with 403, and the browser says so.
    assert!(complaints.iter().all(|line| line.contains("403")), "{complaints:?}");
}

#[test]
fn who_is_no_supervisor_admits_nobody_and_who_was_removed_is_shown_the_door() {
    if !browser() {
        return;
    }
    let rig = Rig::build(&[]).unwrap();
    rig.authority.told(&["authority", "operator", "add", "钱进", "--pin-stdin"], "141421\n").unwrap();
    let new = Place::at("site", rig.folder().join("new"));
    new.done(&["site", "init", "--name", "南门采样点", "--cell", "7"]).unwrap();
    let page = Browser::open(1_280, 900, &Options::default()).unwrap();
    page.go(rig.authority.url()).unwrap();
    log_in(&page, "钱进", "141421").unwrap();
    visit(&page, "/city/enrolments").unwrap();
    let request = std::fs::read_to_string(new.data.join("enrolment/request")).unwrap();
    page.fill("textarea[name=request]", request.trim()).unwrap();
    page.click_text("收下申请").unwrap();
    page.click("button[value=approve]").unwrap();
    page.wait("a refusal", "return document.querySelector('p.bad')?.innerText.includes('supervisor')").unwrap();
    page.go(&format!("{}/city/enrolments", rig.authority.url())).unwrap();
    page.wait("the request waits", "return document.querySelectorAll('.case').length === 1").unwrap();
    rig.authority.done(&["authority", "operator", "remove", "钱进"]).unwrap();
    page.go(rig.authority.url()).unwrap();
    page.wait("the door", "return location.pathname === '/city/login'").unwrap();
}

#[test]
fn the_first_supervisor_is_made_at_the_page_with_the_code_that_the_node_printed() {
    if !browser() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut node = Place::at("authority", folder.path().join("city"));
    node.done(&["authority", "init", "--name", "市大数据中心", "--address", "127.0.0.1:1"]).unwrap();
    node.start(&[]).unwrap();
    let page = Browser::open(360, 740, &Options::default()).unwrap();
    page.go(node.url()).unwrap();
    page.fill("input[name=code]", "AAAAAAAA").unwrap();
    log_in_as_supervisor(&page).unwrap();
    page.wait("a refusal", "return document.querySelector('[role=alert]')?.innerText.includes('设置码不对')").unwrap();
    let code = std::fs::read_to_string(node.data.join("desk/setup-code")).unwrap();
    page.fill("input[name=code]", &code).unwrap();
    log_in_as_supervisor(&page).unwrap();
    page.wait("the board", "return document.querySelector('.who')?.innerText.includes('赵敏')").unwrap();
    let listed = node.done(&["authority", "operator", "list"]).unwrap();
    assert_eq!(listed.trim(), "赵敏  supervisor");
}

#[test]
fn a_form_that_no_page_of_the_session_wrote_changes_nothing() {
    if !browser() {
        return;
    }
    let City { rig, .. } = &City::build(&resident(40));
    let page = enter(rig, SIZES[1]).unwrap();
    visit(&page, "/city/cases").unwrap();
    page.run("document.querySelector('.case [name=form_token]').value = '0'.repeat(64)").unwrap();
    page.click(".case .choice:last-of-type").unwrap();
    page.fill(".case input[name=reason]", "与本人核实").unwrap();
    page.click(".case button").unwrap();
    page.wait("a refusal", "return document.querySelector('p.bad')?.innerText.includes('session')").unwrap();
    page.go(&format!("{}/city/cases", rig.authority.url())).unwrap();
    page.wait("the case is open", "return document.querySelectorAll('.case').length === 1").unwrap();
}

#[test]
fn nothing_serious_keeps_anybody_from_using_the_page_by_day_or_in_the_dark() {
    let (true, Some(axe)) = (browser(), axe().unwrap()) else { return };
    let City { rig, .. } = &City::build(&resident(40));
    for size in SIZES {
        check_reading(&at_the_door(rig, size).unwrap(), &axe, &format!("the door, {}", size.2)).unwrap();
        let page = enter(rig, size).unwrap();
        for scheme in ["light", "dark"] {
            let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
            page.devtools("Emulation.setEmulatedMedia", &dark).unwrap();
            for place in ["/", "/city/cases", "/city/recall", "/city/enrolments", "/city/search"] {
                visit(&page, place).unwrap();
                check_reading(&page, &axe, &format!("{place}, {scheme}, {}", size.2)).unwrap();
            }
        }
    }
}

#[test]
#[ignore = "draws the pictures of the documentation: docs/pictures/draw-authority"]
fn the_page_is_drawn_for_the_documentation() {
    let folder = root().join("docs/pictures/authority");
    std::fs::create_dir_all(&folder).unwrap();
    let City { rig, .. } = &City::build(&resident(40));
    for size in SIZES {
        let door = at_the_door(rig, size).unwrap();
        std::fs::write(folder.join(format!("{}-login.png", size.2)), door.picture().unwrap()).unwrap();
        let page = enter(rig, size).unwrap();
        let places =
            [("/", "board"), ("/city/cases", "cases"), ("/city/enrolments", "enrolments"), ("/city/search", "search")];
        for (place, name) in places {
            visit(&page, place).unwrap();
            std::fs::write(folder.join(format!("{}-{name}.png", size.2)), page.picture().unwrap()).unwrap();
        }
    }
}
