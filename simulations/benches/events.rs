//! Inputs of the core a second on one core, and memory a site, for cities of several sizes.
//!
//! `cargo bench -p swabmesh-simulations --bench events -- 100 1000 15000`

#![expect(clippy::unwrap_used, reason = "a city that cannot be run ends the benchmark")]
#![expect(clippy::print_stdout, reason = "figures for whoever runs it")]

use std::ops::ControlFlow;
use std::time::Instant;

use swabmesh_simulations::run::run;
use swabmesh_simulations::scenario::Scenario;

/// As in the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sites in a cell: what one street has.
const CELL_SITES: usize = 5;

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![100, 1_000] } else { sizes };
    println!("{:>6} {:>12} {:>12} {:>9} {:>8}", "sites", "inputs", "inputs/s", "accepted", "peak MB");
    for sites in sizes {
        let mut scenario = Scenario::named("clinic-day", 1).unwrap();
        scenario.city.sites = sites;
        scenario.city.cells = u16::try_from(sites.div_ceil(CELL_SITES)).unwrap();
        scenario.minutes = 20;
        scenario.day.codes_per_site = 5;
        let began = Instant::now();
        let report = run(&scenario, 1, None, &mut |_| ControlFlow::Continue(())).unwrap().report;
        assert!(report.violations.is_empty(), "{report:#?}");
        let rate = u128::from(report.events) * 1_000 / began.elapsed().as_millis().max(1);
        println!("{sites:>6} {:>12} {rate:>12} {:>9} {:>8}", report.events, report.accepted, peak_mb());
    }
}

/// The most memory this process ever had, in megabytes; 0 where the system does not tell.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1_024
}
