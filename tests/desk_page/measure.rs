//! How long the operator waits, measured in the browser, with a store as full as a site's after two months.
//!
//! Fewer registrations with `HELD=20000`, which is quicker.
//!
//! `cargo test --release -p swabmesh-tests --test desk_page -- --ignored --nocapture verdicts_are_timed`

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use swabmesh_tests::place::Place;
use swabmesh_tests::site::{Rig, resident};

use crate::desk::Desk;

/// Registrations in the store before anything is measured.
const HELD: u64 = 100_000;

/// People in a tube while the store is filled.
const POOL: u64 = 20;

/// Callers that fill the store: as many as share a group commit well.
const CALLERS: u64 = 16;

/// Verdicts that are measured.
const MEASURED: u32 = 300;

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Registers people with made-up permits until the store holds as many.
fn fill(site: &Place, people: u64) {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                loop {
                    let tube = next.fetch_add(1, Ordering::Relaxed);
                    if tube * POOL >= people {
                        break;
                    }
                    let barcode = format!("F{tube:08}");
                    site.post("/tubes", &json!({ "tube": barcode, "pool": POOL, "operator": "x" })).unwrap();
                    for number in tube * POOL..(tube + 1) * POOL {
                        let document = json!({ "type": 3, "number": format!("H{number:08}"), "name": "陈大文" });
                        let body = json!({ "tube": barcode, "operator": "x", "document": document });
                        site.post("/registrations", &body).unwrap();
                    }
                }
            });
        }
    });
}

#[test]
#[ignore = "a measurement of minutes"]
fn verdicts_are_timed_in_the_browser() {
    let rig = Rig::build(&[]).unwrap();
    rig.wait_in_sync().unwrap();
    let held = std::env::var("HELD").ok().and_then(|text| text.parse().ok()).unwrap_or(HELD);
    let began = std::time::Instant::now();
    fill(&rig.site, held);
    say(&format!("{held} registrations in {:.0} s", began.elapsed().as_secs_f64()));
    let desk = Desk::open(&rig, 1_280, 800).unwrap();
    for number in 0..MEASURED {
        if number % 10 == 0 {
            desk.scan(&format!("2204{number:06}")).unwrap();
        }
        desk.scan(&rig.code("static", &resident(number)).unwrap()).unwrap();
        desk.expect("green").unwrap();
    }
    let mut times = desk.times().unwrap();
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    say(&format!(
        "verdict on screen after the last character, {} verdicts: p50 {:.0} ms, p90 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
        times.len(),
        at(50),
        at(90),
        at(99),
        at(100)
    ));
}
