//! Inputs of the core a second on one core, and memory a site, for cities of several sizes.
//!
//! `cargo bench -p swabmesh-simulations --bench events -- 100 1000 city-morning:1500`: twenty minutes of `clinic-day`
//! of so many sites, or the whole of another scenario. Of inputs a second counts the processor's time, not the clock's.

#![expect(clippy::unwrap_used, reason = "a city that cannot be run ends the benchmark")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "figures for whoever runs it")]

use std::ops::ControlFlow;
use std::time::Instant;

use swabmesh_simulations::run::run;
use swabmesh_simulations::scenario::Scenario;
use swabmesh_simulations::world::World;

/// The command's: without it these would be figures of another program.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Sites in a cell: what one street has.
const CELL_SITES: usize = 5;
/// Virtual minutes between two lines of progress.
const MINUTES_TOLD: u64 = 5;

fn main() {
    let named = |argument: String| {
        let (name, sites) = argument.split_once(':').unwrap_or(("clinic-day", argument.as_str()));
        Some((name.to_owned(), sites.parse::<usize>().ok()?))
    };
    let sizes: Vec<(String, usize)> = std::env::args().filter_map(named).collect();
    let clinic = |sites| ("clinic-day".to_owned(), sites);
    let sizes = if sizes.is_empty() { vec![clinic(100), clinic(1_000)] } else { sizes };
    println!(
        "{:>14} {:>6} {:>12} {:>10} {:>9} {:>9} {:>8}",
        "scenario", "sites", "inputs", "inputs/s", "seconds", "accepted", "peak MB"
    );
    for (name, sites) in sizes {
        let mut scenario = Scenario::named(&name, 1).unwrap();
        // Cells as large as they are in the scenario; a clinic's day is the morning of a street.
        let cell_sites =
            if name == "clinic-day" { CELL_SITES } else { scenario.city.sites / usize::from(scenario.city.cells) };
        scenario.city.sites = sites;
        scenario.city.cells = u16::try_from(sites.div_ceil(cell_sites)).unwrap();
        if name == "clinic-day" {
            scenario.minutes = 20;
            scenario.day.codes_per_site = 5;
        }
        let (began, wall) = (processor_ms(), Instant::now());
        let mut minute = 0;
        let mut watch = |world: &World| {
            if world.at.0 / 60_000 >= minute + MINUTES_TOLD {
                minute = world.at.0 / 60_000;
                let (spent, so_far) = (processor_ms() - began, world.events);
                eprintln!("minute {minute}: {so_far} inputs, {} s of processor, {} MB", spent / 1_000, peak_mb());
            }
            ControlFlow::Continue(())
        };
        let report = run(&scenario, 1, None, &mut watch).unwrap().report;
        assert!(report.violations.is_empty(), "{report:#?}");
        let spent = (processor_ms() - began).max(1);
        println!(
            "{name:>14} {sites:>6} {:>12} {:>10} {:>9} {:>9} {:>8}",
            report.events,
            report.events * 1_000 / spent,
            spent / 1_000,
            report.accepted,
            peak_mb()
        );
        eprintln!("{} s by the clock, {report:?}", wall.elapsed().as_secs());
    }
}

/// Milliseconds of processor that this process had: other work on the machine does not count.
fn processor_ms() -> u64 {
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let told = told.and_then(|told| told.split_whitespace().next()?.parse::<u64>().ok());
    told.expect("Linux tells how long a process ran") / 1_000_000
}

/// The most memory this process ever had, in megabytes; 0 where the system does not tell.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1_024
}
