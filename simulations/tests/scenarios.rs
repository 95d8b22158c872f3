//! Each scenario on fixed seeds.

use swabmesh_simulations::run::{Ran, run};
use swabmesh_simulations::scenario::Scenario;

#[test]
fn one_site_and_the_authority_agree_and_everything_is_receipted() {
    let text = "name = 'two'\nminutes = 10\n[city]\ncells = 1\nsites = 1\nlabs = 0\n[day]\ncodes_per_site = 5";
    let scenario = Scenario::parse(text).unwrap();
    let sink = std::env::var("TRACE").ok().map(|path| Box::new(std::fs::File::create(path).unwrap()) as Box<_>);
    let Ran { report, last_lines } = run(&scenario, 1, sink, &mut |_| {}).unwrap();
    assert!(report.violations.is_empty() && report.converged, "{report:#?}\n{}", last_lines.concat());
}
