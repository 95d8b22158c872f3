//! Withdrawn nodes and renewed certificates (rule N2).

use swabmesh_protocol::command::Published;

use super::*;

#[test]
fn what_a_withdrawn_node_wrote_above_the_mark_is_kept_and_counts_nowhere() {
    let mut world = World::new(&[SITE, NEIGHBOUR]);
    let (authority, site, neighbour) = (0, 1, 2);
    world.connect(authority, site);
    let ms = world.ms;
    world.at(site).open(ms, "S1");
    world.run(3_000);
    world.disconnect();
    // The authority withdraws it; the neighbour has not heard, and takes more from it.
    let withdraw = Command::Withdraw { node: node(SITE), reason: Remark::truncated("stolen") };
    let ms = world.ms;
    world.at(authority).command(ms, withdraw).unwrap();
    world.connect(site, neighbour);
    let ms = world.ms;
    ["S2", "S3"].into_iter().for_each(|tube| world.at(site).open(ms, tube));
    world.run(3_000);
    world.disconnect();
    world.connect(neighbour, authority);
    world.run(20_000);
    for place in [authority, neighbour] {
        assert_eq!(world.machines[place].tubes(), ["S1"], "what lies below the mark stands");
        assert_eq!(world.machines[place].status(world.ms).quarantined, 2, "the rest is kept");
    }
    assert_eq!(world.differ(neighbour, authority), None);
    assert!(world.machines[neighbour].withdrawn.contains(&node(SITE)));
    world.connect(site, neighbour);
    world.run(100);
    let peers = world.machines[neighbour].status(world.ms).peers;
    assert!(peers.iter().all(|peer| peer.node != node(SITE)), "and nobody talks to it");
}

#[test]
fn a_renewed_certificate_reaches_its_node_through_others_and_is_kept() {
    let mut world = World::new(&[SITE, NEIGHBOUR]);
    world.connect(0, 2);
    world.connect(2, 1);
    world.run(1_000);
    let renewed = certificate(SITE, 2, u64::MAX);
    let ms = world.ms;
    world.at(0).command(ms, Command::Publish(Published::Certificate(renewed.clone()))).unwrap();
    world.run(3_000);
    assert_eq!(world.machines[1].renewed, [renewed]);
    world.run(3_000);
    assert_eq!(world.machines[1].renewed.len(), 1, "once");
}
