//! The day, chapter by chapter.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;

use super::city::City;
use super::ledger::Ledger;
use super::residents::invent;
use super::{chapter, say};

mod codes;
mod queue;
mod reckoning;

use codes::{bad_codes, issue_codes, wait_for_lists};
use queue::{Plan, register_everybody, seal_and_pack, try_bad_codes};
use reckoning::{compare_heads, count_at_authority, look_up, report, wait_converged};

/// People in a tube.
const POOL: usize = 10;
/// Longest time until every node must agree after the last cable is plugged in.
const CONVERGE_WITHIN: Duration = Duration::from_secs(60);

/// A tube and the site whose it is.
#[derive(Debug, Clone)]
struct Tube {
    site: usize,
    barcode: String,
}

/// Plays the whole day.
pub(super) fn play(city: &mut City, ledger: &mut Ledger, residents: u32, seed: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    chapter(began, 1, "Morning. An authority, three gates in two cells and a laboratory are enrolled and connected.");
    city.wait_connected(Duration::from_secs(30))?;

    chapter(began, 2, &format!("{residents} invented residents of every category get their codes."));
    let mut people = invent(residents, seed);
    let phone = SigningKey::from_bytes(&[77; 32]);
    issue_codes(city, &mut people, &phone)?;
    let bad = bad_codes(city, &people)?;
    wait_for_lists(city)?;
    let with_code = people.iter().filter(|person| person.code.is_some()).count();
    say(&format!("         {with_code} codes issued; one was revoked, and every gate knows it already."));

    chapter(began, 3, "The codes are photographed: turned, tilted, blurred, noisy, badly lit.");
    let plan = Plan::of(&people, city.sites.len());
    plan.photograph(city, &people, seed)?;

    chapter(began, 4, "The authority stops, and every cable between the cells is pulled. The queue does not wait.");
    city.authority.stop()?;
    city.cut();
    let tubes = register_everybody(city, ledger, &people, &plan, &phone)?;
    try_bad_codes(city, ledger, &bad)?;

    chapter(began, 5, "Tubes are sealed, packed and handed to the courier. Still nothing is connected.");
    seal_and_pack(city, &tubes)?;

    chapter(began, 6, "The cables are plugged in, the authority starts again.");
    let healed = Instant::now();
    city.authority.start()?;
    city.heal();
    wait_converged(city, ledger)?;
    ledger.converge_ms = u64::try_from(healed.elapsed().as_millis())?;
    say(&format!("         Everything receipted and equal after {:.1} s.", healed.elapsed().as_secs_f32()));

    chapter(began, 7, "The laboratory reads the tubes: one pool is positive, one reading is corrected.");
    report(city, ledger, &tubes)?;

    chapter(began, 8, "Residents look their results up, each with their own code.");
    look_up(city, ledger, &people)?;
    count_at_authority(city, ledger, &tubes)?;
    compare_heads(city, ledger)
}

fn now_s() -> anyhow::Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}
