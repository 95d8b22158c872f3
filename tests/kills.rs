//! Every kind of node dies by SIGKILL at any moment, again and again, while people work: what was answered stays.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

#[path = "kills/town.rs"]
mod town;
#[path = "kills/work.rs"]
mod work;

use swabmesh_tests::wait::eventually;
use town::{Kind, Town};
use work::{Ledger, Shift};

/// Deaths of each kind of node.
const DEATHS: usize = 3;
/// A death comes within so many milliseconds of the last start.
const ALIVE_MS_MAX: u64 = 600;
/// A dead node stays dead so many milliseconds at most: shorter and longer than a neighbour needs to notice.
const DEAD_MS_MAX: u64 = 300;
/// After the last start everything must be everywhere. Source: guess; 2 to 4 s on idle cores.
const CONVERGE_WITHIN: Duration = Duration::from_secs(60);

fn random() -> ChaCha20Rng {
    let given = std::env::var("KILLS_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::from(now.unwrap_or_default().subsec_nanos())
    });
    println!("KILLS_SEED={seed} cargo test -p swabmesh-tests --test kills");
    ChaCha20Rng::seed_from_u64(seed)
}

/// Every kind, [`DEATHS`] times, in any order.
fn deaths(random: &mut ChaCha20Rng) -> Vec<Kind> {
    let mut deaths: Vec<Kind> = (0..DEATHS).flat_map(|_| Kind::ALL).collect();
    for place in (1..deaths.len()).rev() {
        let other = usize::try_from(random.next_u64()).unwrap() % (place + 1);
        deaths.swap(place, other);
    }
    deaths
}

#[test]
fn a_node_of_any_kind_killed_at_any_moment_loses_nothing_that_it_answered() {
    let mut random = random();
    let mut town = Town::build();
    let ledger = Ledger::default();
    thread::scope(|scope| {
        // Dropped when this block ends, also by a failure: then everybody goes home.
        let _shifts = [
            Shift::begin(scope, &town, Kind::Site, work::register, &ledger),
            Shift::begin(scope, &town, Kind::Lab, work::read, &ledger),
            Shift::begin(scope, &town, Kind::Authority, work::issue, &ledger),
        ];
        for kind in deaths(&mut random) {
            thread::sleep(Duration::from_millis(random.next_u64() % ALIVE_MS_MAX));
            town.kill(kind);
            // Nothing is answered from here on; what was answered before is what must be found.
            let answered = ledger.answered();
            thread::sleep(Duration::from_millis(random.next_u64() % DEAD_MS_MAX));
            town.start(kind);
            println!(
                "{kind:?} is back; answered so far: {} registrations, {} readings, {} codes",
                answered.registrations.len(),
                answered.readings.len(),
                answered.codes.len()
            );
            match kind {
                Kind::Site => assert_eq!(missing_registrations(&town, kind, &answered), BTreeSet::new()),
                Kind::Lab => assert_eq!(missing_readings(&town, kind, &answered), BTreeSet::new()),
                Kind::Authority => assert_eq!(dead_codes(&town, &answered), BTreeSet::new()),
            }
        }
    });

    let answered = ledger.answered();
    let (people, readings, codes) = (answered.registrations.len(), answered.readings.len(), answered.codes.len());
    assert!(people > 20 && readings > 2 && codes > 20, "too little work: {people}, {readings}, {codes}");
    eventually("equal heads", CONVERGE_WITHIN, || {
        let digests = Kind::ALL.map(|kind| town.get(kind, "/heads"));
        let equal = digests.iter().all(|heads| heads["digest"] == digests[0]["digest"] && heads["held_back"] == 0);
        if equal { Ok(()) } else { Err(format!("{digests:?}")) }
    });
    for kind in Kind::ALL {
        assert_eq!(missing_registrations(&town, kind, &answered), BTreeSet::new(), "{kind:?}");
        assert_eq!(missing_readings(&town, kind, &answered), BTreeSet::new(), "{kind:?}");
    }
    assert_eq!(dead_codes(&town, &answered), BTreeSet::new());
    eventually("receipts", CONVERGE_WITHIN, || {
        let own = town.get(Kind::Site, "/status")["own"].clone();
        let receipted = own["at_authority"].as_u64() >= Some(people as u64);
        if receipted { Ok(()) } else { Err(format!("{people} answered, and {own}")) }
    });
}

/// Registrations that were answered and that a node does not show in their tube.
fn missing_registrations(town: &Town, at: Kind, answered: &work::Answered) -> BTreeSet<(String, String)> {
    let tubes: BTreeSet<&String> = answered.registrations.iter().map(|(tube, _)| tube).collect();
    let shown: BTreeSet<(String, String)> = tubes
        .into_iter()
        .flat_map(|tube| {
            let view = town.get(at, &format!("/tubes/{tube}"));
            let members = view["members"].as_array().cloned().unwrap_or_default();
            let counted = members.into_iter().filter(|member| member["counts"] == true);
            counted.map(|member| (tube.clone(), text(&member["registration"]))).collect::<Vec<_>>()
        })
        .collect();
    answered.registrations.difference(&shown).cloned().collect()
}

/// Tubes whose reading was answered and that a node shows without it.
fn missing_readings(town: &Town, at: Kind, answered: &work::Answered) -> BTreeSet<String> {
    let read = |tube: &&String| {
        let view = town.get(at, &format!("/tubes/{tube}"));
        view["verdict"]["outcome"] == "negative"
    };
    answered.readings.iter().filter(|tube| !read(tube)).cloned().collect()
}

/// Codes that were answered and that do not open their holder's results.
fn dead_codes(town: &Town, answered: &work::Answered) -> BTreeSet<String> {
    let opens = |code: &&String| town.post(Kind::Authority, "/results/lookup", &json!({ "code": code })).is_ok();
    answered.codes.iter().filter(|code| !opens(code)).cloned().collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
