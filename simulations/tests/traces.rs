//! Equal pairs of scenario and seed give equal traces: on every run, on every machine, in debug and in release.

#![expect(clippy::unwrap_used, reason = "a world that cannot be run fails its test")]

use std::ops::ControlFlow;

use swabmesh_simulations::run::run;
use swabmesh_simulations::scenario::{RANDOM, Scenario};

/// Worlds of a few minutes, and the SHA-256 of all lines of each one's trace.
///
/// They change, and are to be replaced by what `cargo test -p swabmesh-simulations --test traces` then prints, when the
/// core or the simulator was meant to do something else, or at another moment, or to say it in other words. When nothing
/// of that kind was meant, the change is the fault that this test looks for: an order that no seed decides, a clock, the
/// width of a number, a build's profile.
const TRACES: [(&str, u64, &str); 5] = [
    ("random", 1, "d550f30d0d761c81d77b6c0d3cf5cb0f8eb6f1f49a39a45f88ab8017b1e10b8a"),
    ("random", 2, "7ffe5ed54b0591cdf6afe89a8cd1cb58ef9016116899e498eae6eae04a163829"),
    ("random", 3, "ec2505a6586baa2dabfecd273a1a94599dad10aca3587c5c2883f8cda53348ac"),
    ("courier-only", 1, "1ba1ca46c010d6ab4798083cd1c78731f9c11cc57d557927c648f0ae74441864"),
    ("power-cuts", 1, "418a48f08fce819931b92aa38bebb26aed84c838d075ad316b0333fdf08765c9"),
];

/// A scenario cut to a few minutes, its couriers included.
fn small(name: &str, seed: u64) -> Scenario {
    let mut scenario = Scenario::named(name, seed).unwrap();
    if name != RANDOM {
        (scenario.minutes, scenario.city.sites, scenario.day.person_every_ms) = (12, 4, 30_000);
        for courier in &mut scenario.courier {
            (courier.every_min, courier.trip_min) = (4, [1, 2]);
        }
    }
    scenario
}

#[test]
fn traces_are_those_of_every_other_machine_and_build() {
    let trace = |(name, seed, _): (&str, u64, &str)| {
        let ran = run(&small(name, seed), seed, None, &mut |_| ControlFlow::Continue(())).unwrap();
        assert!(ran.report.violations.is_empty(), "{:#?}", ran.report);
        format!("    (\"{name}\", {seed}, \"{}\"),\n", ran.report.trace_hash)
    };
    let lines: String = TRACES.into_iter().map(trace).collect();
    let expected: String =
        TRACES.into_iter().map(|(name, seed, hash)| format!("    (\"{name}\", {seed}, \"{hash}\"),\n")).collect();
    assert!(lines == expected, "other traces than before; if that was meant, these are the new ones:\n{lines}");
}
