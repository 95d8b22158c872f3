//! A shift: two hundred people, most with codes, some without, some twice, some with nothing that holds.

use anyhow::ensure;
use swabmesh_tests::browser::ENTER;
use swabmesh_tests::site::{Rig, resident};

use crate::desk::Desk;

/// People in a tube.
const POOL: u32 = 10;

/// People who come.
const PEOPLE: u32 = 200;

/// The person before whom the power fails: once while nobody is scanned, once with a scan on its way.
const CUTS: [u32; 2] = [61, 134];

/// What the operator saw.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// The last four digits of everybody who was shown green.
    pub(crate) green: Vec<String>,
    /// Everybody who must be in the log: green, and amber with a reason.
    pub(crate) registered: usize,
    /// Refused.
    pub(crate) red: usize,
}

/// Registers everybody.
pub(crate) fn work(rig: &mut Rig, desk: &Desk) -> anyhow::Result<Done> {
    let mut done = Done::default();
    let mut tubes = 0;
    for number in 0..PEOPLE {
        if done.registered % POOL as usize == 0 && done.registered == (tubes * POOL) as usize {
            tubes += 1;
            desk.scan(&format!("22040900{tubes:02}"))?;
            desk.expect("green")?;
        }
        let code = match number % 20 {
            // No code: the card is typed.
            3 => None,
            // Comes a second time, and has a reason.
            7 => Some(rig.code("static", &resident(number - 1))?),
            11 => Some("JKY:8f2a1c".to_owned()),
            13 => Some("https://example.org/menu".to_owned()),
            17 => Some(rig.code("paper", &resident(number))?),
            _ => Some(rig.code("static", &resident(number))?),
        };
        if CUTS.contains(&number) {
            cut(rig, desk, number, code.as_deref())?;
            done.registered += 1;
            done.green.push(desk.last_four()?);
            continue;
        }
        match (number % 20, code) {
            (_, None) => {
                desk.type_document(&resident(number))?;
                desk.expect("green")?;
            }
            (7, Some(code)) => {
                desk.scan(&code)?;
                desk.expect("amber")?;
                desk.go_on("需要再采一次")?;
                desk.expect("amber")?;
                done.registered += 1;
                continue;
            }
            (11 | 13, Some(code)) => {
                desk.scan(&code)?;
                desk.expect("red")?;
                done.red += 1;
                continue;
            }
            (_, Some(code)) => {
                desk.scan(&code)?;
                desk.expect("green")?;
            }
        }
        let last_four = desk.last_four()?;
        ensure!(last_four == resident(number).number[14..], "{last_four} is somebody else");
        done.green.push(last_four);
        done.registered += 1;
    }
    Ok(done)
}

/// The power fails; the next person is scanned while the node is away, and is green only once it is back.
fn cut(rig: &mut Rig, desk: &Desk, number: u32, code: Option<&str>) -> anyhow::Result<()> {
    let before = desk.verdicts()?;
    if number == CUTS[1] {
        // On its way while the power fails: whether it was saved, nobody knows yet.
        desk.browser.type_keys(&format!("{}{ENTER}", code.unwrap_or_default()))?;
        rig.site.kill();
    } else {
        rig.site.kill();
        desk.browser.type_keys(&format!("{}{ENTER}", code.unwrap_or_default()))?;
        desk.browser.wait("that it says so", "return document.querySelector('#verdict.red') !== null")?;
    }
    rig.site.start(&[])?;
    let answered = format!("return window.swabmesh.toScreen.length > {before}");
    desk.browser.wait("a verdict after the power is back", &answered)?;
    desk.expect("green")
}
