//! How long the operator waits, measured in the browser, with a store as full as a site's after two months; how many
//! frames of a camera are read; and sixteen desks at once.
//!
//! Fewer registrations with `HELD=20000`, which is quicker.
//!
//! `cargo test --release -p swabmesh-tests --test desk_page -- --ignored --nocapture --test-threads=1 measure`

use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use swabmesh_tests::browser::{Browser, ESCAPE, Options};
use swabmesh_tests::place::Place;
use swabmesh_tests::site::{Rig, must, resident};

use crate::desk::Desk;
use crate::film;

/// Registrations in the store before anything is measured.
const HELD: u64 = 100_000;

/// People in a tube while the store is filled.
const POOL: u64 = 20;

/// Callers that fill the store: as many as share a group commit well.
const CALLERS: u64 = 16;

/// Verdicts that are measured.
const MEASURED: u32 = 300;

/// Looks at how many frames a second are read; each is an average over two seconds.
const LOOKS: u32 = 6;

/// Desks at work at once, beside the one in the browser.
const DESKS: u32 = 16;

/// Registrations of all of them in a second.
const TOGETHER_PER_S: u32 = 3;

/// People at each of those desks.
const PEOPLE_EACH: u32 = 15;

/// Numbers of their people begin here.
const FIRST_OF_DESKS: u32 = 400;

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Registers people with made-up permits, these tubes of them or until it is enough; returns how many.
fn fill(site: &Place, tubes: Range<u64>, enough: &AtomicBool) -> u64 {
    let next = AtomicU64::new(tubes.start);
    let filled = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                loop {
                    let tube = next.fetch_add(1, Ordering::Relaxed);
                    if tube >= tubes.end || enough.load(Ordering::Relaxed) {
                        break;
                    }
                    let barcode = format!("F{tube:08}");
                    site.post("/tubes", &json!({ "tube": barcode, "pool": POOL, "operator": "x" })).unwrap();
                    for number in tube * POOL..(tube + 1) * POOL {
                        let document = json!({ "type": 3, "number": format!("H{number:08}"), "name": "陈大文" });
                        let body = json!({ "tube": barcode, "operator": "x", "document": document });
                        site.post("/registrations", &body).unwrap();
                    }
                    filled.fetch_add(POOL, Ordering::Relaxed);
                }
            });
        }
    });
    filled.into_inner()
}

/// Says that it is enough when it goes, also when something failed.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
#[ignore = "a measurement of minutes"]
fn verdicts_are_timed_in_the_browser() {
    let rig = Rig::build(&[]).unwrap();
    rig.wait_in_sync().unwrap();
    let held = std::env::var("HELD").ok().and_then(|text| text.parse().ok()).unwrap_or(HELD);
    let (tubes, enough) = (held / POOL, AtomicBool::new(false));
    let began = Instant::now();
    fill(&rig.site, 0..tubes, &enough);
    say(&format!("{held} registrations in {:.0} s", began.elapsed().as_secs_f64()));
    let neighbour = rig.another_site("东门采样点", "12").unwrap();
    let desk = Desk::open(&rig, 1_280, 800).unwrap();
    let came = || rig.site.get("/status").unwrap()["entries"].as_u64().unwrap();
    // What the neighbour registers comes to this site as fast as sixteen callers can make it.
    std::thread::scope(|scope| {
        scope.spawn(|| fill(&neighbour, tubes..u64::MAX, &enough));
        let _ends = Ends(&enough);
        let (before, began) = (came(), Instant::now());
        for number in 0..MEASURED {
            if number % 10 == 0 {
                desk.scan(&format!("2204{number:06}")).unwrap();
            }
            desk.scan(&rig.code("static", &resident(number)).unwrap()).unwrap();
            desk.expect("green").unwrap();
        }
        let rate = (came() - before) as f64 / began.elapsed().as_secs_f64();
        say(&format!("while {rate:.0} entries a second came from a neighbour"));
    });
    say(&format!("verdict on screen after the last character: {}", spread(&mut desk.times().unwrap())));
}

/// Median, tail and worst of some milliseconds.
fn spread(times: &mut [f64]) -> String {
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times.get((times.len() - 1) * percent / 100).copied().unwrap_or_default();
    let (p50, p90, p99, max) = (at(50), at(90), at(99), at(100));
    format!("{} of them, p50 {p50:.0} ms, p90 {p90:.0} ms, p99 {p99:.0} ms, max {max:.0} ms", times.len())
}

#[test]
#[ignore = "a measurement of minutes"]
fn frames_of_a_camera_are_counted_in_the_browser() {
    let rig = Rig::build(&[]).unwrap();
    rig.wait_in_sync().unwrap();
    let symbol = |number: u32| {
        let png = rig.folder().join(format!("{number}.png"));
        let arguments = ["code", "render", "--png", png.to_str().unwrap(), "--module-px", "4"];
        must(&arguments, &rig.code("static", &resident(number)).unwrap()).unwrap();
        image::open(&png).unwrap().into_luma8()
    };
    let film = rig.folder().join("codes.y4m");
    film::write(&film, &[(symbol(300), 0.0), (symbol(301), 40.0)]).unwrap();
    let options = Options { camera: Some(film), any_certificate: false };
    let desk = Desk { browser: Browser::open(1_280, 900, &options).unwrap() };
    desk.browser.go(rig.site.url()).unwrap();
    desk.sign_in("李强", "314159").unwrap();
    desk.scan("2204090001").unwrap();
    desk.browser.type_keys(ESCAPE).unwrap();
    desk.browser.click_text("摄像头").unwrap();
    desk.browser.wait("frames", "return window.swabmesh.framesPerSecond() > 0").unwrap();
    let mut read = Vec::new();
    for _ in 0..LOOKS {
        std::thread::sleep(Duration::from_secs(2));
        read.push(desk.browser.run("return window.swabmesh.framesPerSecond()").unwrap().as_f64().unwrap());
    }
    read.sort_by(f64::total_cmp);
    say(&format!("frames read in a second, {LOOKS} times over two seconds each: {read:?}"));
}

/// A desk without a browser: its session, and what a page of it sends.
struct Session {
    url: String,
    cookie: String,
    csrf: String,
}

impl Session {
    fn open(url: &str) -> Self {
        let asked = ureq::post(format!("{url}/desk/session")).header("origin", url);
        let mut answer = asked.send_json(json!({ "operator": "李强", "pin": "314159" })).unwrap();
        let cookie = answer.headers().get("set-cookie").unwrap().to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let told: Value = answer.body_mut().read_json().unwrap();
        Self { url: url.to_owned(), cookie, csrf: told.get("csrf").unwrap().as_str().unwrap().to_owned() }
    }

    fn scan(&self, text: &str, tube: Option<&str>) -> Value {
        let asked = ureq::post(format!("{}/desk/scan", self.url)).header("origin", &self.url);
        let asked = asked.header("cookie", &self.cookie).header("x-swabmesh-csrf", &self.csrf);
        let body = json!({ "text": text, "tube": tube, "pool": 20 });
        asked.send_json(body).unwrap().body_mut().read_json().unwrap()
    }
}

#[test]
#[ignore = "a measurement of minutes"]
fn verdicts_of_sixteen_desks_at_once_are_timed() {
    let rig = Rig::build(&[]).unwrap();
    rig.wait_in_sync().unwrap();
    let code = |number| rig.code("static", &resident(number)).unwrap();
    let people: Vec<Vec<String>> = (0..DESKS)
        .map(|desk| (0..PEOPLE_EACH).map(|at| code(FIRST_OF_DESKS + desk * PEOPLE_EACH + at)).collect())
        .collect();
    let own: Vec<String> = (0..DESKS * PEOPLE_EACH / TOGETHER_PER_S / 2).map(code).collect();
    let page = Desk::open(&rig, 1_280, 800).unwrap();
    let sessions: Vec<Session> = (0..DESKS).map(|_| Session::open(rig.site.url())).collect();
    let began = Instant::now() + Duration::from_secs(2);
    let mut answered: Vec<f64> = std::thread::scope(|scope| {
        let desks: Vec<_> = (0..DESKS)
            .zip(people.iter().zip(&sessions))
            .map(|(desk, (codes, session))| {
                scope.spawn(move || {
                    let tube = format!("22040950{desk:02}");
                    session.scan(&tube, None);
                    let one = |(at, code): (u32, &String)| {
                        let due = began + Duration::from_secs(1) * (at * DESKS + desk) / TOGETHER_PER_S;
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        let sent = Instant::now();
                        let said = session.scan(code, Some(&tube));
                        assert_eq!(said.get("verdict"), Some(&json!("green")), "{said}");
                        sent.elapsed().as_secs_f64() * 1_000.0
                    };
                    (0..).zip(codes).map(one).collect::<Vec<f64>>()
                })
            })
            .collect();
        for (at, code) in own.iter().enumerate() {
            std::thread::sleep(Duration::from_secs(2));
            if at % 10 == 0 {
                page.scan(&format!("22040999{at:02}")).unwrap();
            }
            page.scan(code).unwrap();
            page.expect("green").unwrap();
        }
        desks.into_iter().flat_map(|desk| desk.join().unwrap()).collect()
    });
    say(&format!("{DESKS} desks, {TOGETHER_PER_S}/s together, answers: {}", spread(&mut answered)));
    say(&format!("verdict on screen beside them: {}", spread(&mut page.times().unwrap())));
}
