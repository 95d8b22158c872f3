//! Runs a scenario on one seed after another until a rule does not hold.
//!
//! `cargo run -p swabmesh-simulations --example seeds -- SCENARIO FIRST LAST`: exit code 1 and one line naming
//! the seed and the rule when one did not hold, 0 when all did. What the deliberate bugs of `tests/bugs` are run with.

#![expect(clippy::print_stdout, reason = "the answer")]

use std::ops::ControlFlow;
use std::process::ExitCode;

use swabmesh_simulations::run::{RunError, run};
use swabmesh_simulations::scenario::Scenario;

/// The command's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, first, last] = arguments.as_slice() else {
        println!("usage: seeds SCENARIO FIRST LAST");
        return ExitCode::from(2);
    };
    let (Ok(first), Ok(last)) = (first.parse::<u64>(), last.parse::<u64>()) else {
        println!("seeds are numbers");
        return ExitCode::from(2);
    };
    for seed in first..=last {
        match violation(name, seed) {
            Ok(None) => {}
            Ok(Some(violation)) => {
                println!("seed {seed}: {violation}");
                return ExitCode::from(1);
            }
            Err(error) => {
                println!("seed {seed}: {error}");
                return ExitCode::from(2);
            }
        }
    }
    println!("seeds {first} to {last}: every rule held");
    ExitCode::SUCCESS
}

fn violation(name: &str, seed: u64) -> Result<Option<String>, RunError> {
    let scenario = Scenario::named(name, seed)?;
    let ran = run(&scenario, seed, None, &mut |_| ControlFlow::Continue(()))?;
    Ok(ran.report.violations.into_iter().next())
}
