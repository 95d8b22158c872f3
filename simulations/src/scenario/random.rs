//! Small worlds of chance: another city, another day and other faults with each seed.

use super::{City, Courier, Day, DiskTimes, Fault, Lan, Links, Scenario, Trick, Uplink, Way};
use crate::chance::Chance;

/// How long a cell that only couriers reach may take until it holds what the others do. Seconds.
const CARRIED_CONVERGE_S_MAX: u64 = 14_400;

/// The world of a seed: a few sites for half an hour, up to four kinds of faults, and now and then couriers.
pub(super) fn scenario(seed: u64) -> Scenario {
    let mut chance = Chance::new(seed, "scenario");
    let few = |chance: &mut Chance, low, high| usize::try_from(chance.between(low, high)).unwrap_or(1);
    let sites = few(&mut chance, 1, 5);
    let minutes = chance.between(10, 40);
    let mut city = City {
        without_line: Vec::new(),
        cells: u16::try_from(chance.between(1, 2)).unwrap_or(1),
        sites,
        labs: few(&mut chance, 0, 1),
        neighbours: few(&mut chance, 0, 2),
    };
    let day = Day {
        operators: few(&mut chance, 1, 3),
        closes_min: chance.happens(500).then(|| minutes.saturating_sub(3)),
        person_every_ms: chance.between(500, 20_000),
        step_ms: chance.between(1, 1_500),
        codes_per_site: few(&mut chance, 0, 60),
        pool: if chance.happens(500) { 5 } else { 10 },
        again: 100,
        voided: 50,
        amended: 50,
        moved: 300,
        shared_barcode: 50,
        box_tubes: 2,
        courier_min: [1, 4],
        reading_min: [1, 3],
        corrected: 200,
        ..Day::default()
    };
    let slowest_ms = chance.between(1, 200);
    let times = |chance: &mut Chance| [0, chance.between(0, slowest_ms)];
    let disk = DiskTimes {
        sync_ms: times(&mut chance),
        index_ms: times(&mut chance),
        read_ms: times(&mut chance),
        checkpoint_batches: few(&mut chance, 1, 200),
    };
    let network = Links {
        lan: Lan { latency_ms: [1, chance.between(1, 30)], ..Lan::default() },
        uplink: Uplink {
            latency_ms: [5, chance.between(5, 400)],
            bytes_per_ms: chance.between(10, 1_000),
            ..Uplink::default()
        },
    };
    let mut fault: Vec<Fault> = (0..chance.below(5)).filter_map(|_| fault(&mut chance)).collect();
    fault.extend(cloned(&mut chance, sites));
    let courier = courier(&mut chance);
    let mut converge_s_max = Scenario::converge_s_max();
    if courier.is_some() && chance.happens(500) && !fault.iter().any(leaves_two_histories) {
        city.without_line = vec![1];
        converge_s_max = CARRIED_CONVERGE_S_MAX;
    }
    // The past is told by stamps, and a clock that is set back makes today's entries as old as the authority's last sign.
    let dated = !fault.iter().any(|fault| matches!(fault, Fault::Clock { .. }));
    fault.extend(let_go(&mut chance, minutes).filter(|_| dated));
    Scenario {
        name: super::RANDOM.to_owned(),
        about: "Another world with each seed.".to_owned(),
        minutes,
        converge_s_max,
        city,
        day,
        network,
        disk,
        fault,
        courier: courier.into_iter().collect(),
    }
}

fn fault(chance: &mut Chance) -> Option<Fault> {
    let group = |chance: &mut Chance| if chance.happens(500) { "all" } else { "sites" }.to_owned();
    let way = match chance.below(3) {
        0 => Way::There,
        1 => Way::Back,
        _ => Way::Both,
    };
    let every_s = chance.between(20, 600);
    Some(match chance.below(12) {
        0 => Fault::PowerCut { nodes: group(chance), every_s, off_s_max: chance.between(1, 200) },
        1 => Fault::Flap {
            between: group(chance),
            and: "all".to_owned(),
            way,
            every_s,
            off_s_max: chance.between(1, 200),
        },
        2 => Fault::Reset { between: group(chance), and: "all".to_owned(), every_s },
        3 => Fault::Clog { between: group(chance), and: "all".to_owned(), every_s, for_s_max: chance.between(1, 60) },
        4 => Fault::FullDisk { nodes: group(chance), every_s, for_s_max: chance.between(1, 60) },
        5 => Fault::Down { nodes: "authority".to_owned(), from_min: chance.between(0, 5), until_min: 30 },
        6 => Fault::Swizzle { nodes: group(chance), every_s, for_s_max: chance.between(2, 60) },
        7 => Fault::Garble {
            between: group(chance),
            and: "all".to_owned(),
            corrupt: few_per_mille(chance),
            duplicate: few_per_mille(chance),
            reorder: few_per_mille(chance),
            from_min: chance.between(0, 5),
            until_min: 30,
        },
        8 => {
            let copied_min = chance.between(1, 5);
            let at_min = copied_min + chance.between(1, 4);
            Fault::RestoredDisk { nodes: "site-1".to_owned(), copied_min, at_min, off_min: chance.between(0, 3) }
        }
        9 => Fault::Withdrawn { nodes: "site-1".to_owned(), at_min: chance.between(2, 9) },
        10 => Fault::Hostile {
            nodes: "site-1".to_owned(),
            does: tricks(chance),
            from_min: chance.between(0, 5),
            every_s: chance.between(5, 120),
        },
        _ => Fault::Clock {
            nodes: group(chance),
            at_min: chance.between(0, 9),
            jump_s_max: chance.below(100_000_000),
            year: chance.happens(200).then_some(2_031),
            drift_ppm_max: chance.below(500),
            frozen: chance.happens(300),
        },
    })
}

/// Now and then a site's disk is in two machines: the last site's, as others break the first one's.
fn cloned(chance: &mut Chance, sites: usize) -> Option<Fault> {
    let copied_min = chance.between(1, 6);
    let at_min = copied_min + chance.between(0, 4);
    let cloned = chance.happens(150) && sites > 1;
    cloned.then(|| Fault::Cloned { nodes: format!("site-{sites}"), copied_min, at_min })
}

/// In one world of five the authority lets go of what is older than a few minutes.
fn let_go(chance: &mut Chance, minutes: u64) -> Option<Fault> {
    let at_min = chance.between(9, minutes.max(10) - 1);
    let kept_min = chance.between(8, at_min);
    chance.happens(200).then_some(Fault::LetGo { at_min, kept_min })
}

/// In one world of three sticks are carried between the sites and the authority, beside the lines or instead of them.
fn courier(chance: &mut Chance) -> Option<Courier> {
    let carried = chance.happens(333);
    let mishap =
        |chance: &mut Chance| if chance.happens(500) { u32::try_from(chance.below(300)).unwrap_or(0) } else { 0 };
    let courier = Courier {
        serves: "sites".to_owned(),
        every_min: chance.between(2, 10),
        trip_min: [0, chance.between(0, 4)],
        lost: mishap(chance),
        late: mishap(chance),
        truncated: mishap(chance),
        damaged: mishap(chance),
        old: mishap(chance),
    };
    carried.then_some(courier)
}

/// Where no line goes, a fork of which both histories came in bulk is told of and not proved (decision 0012): such a
/// world need not come to rest.
fn leaves_two_histories(fault: &Fault) -> bool {
    let forks = matches!(fault, Fault::Hostile { does, .. } if does.contains(&Trick::Fork));
    forks || matches!(fault, Fault::Cloned { .. } | Fault::RestoredDisk { .. })
}

fn few_per_mille(chance: &mut Chance) -> u32 {
    u32::try_from(chance.below(20)).unwrap_or(0)
}

fn tricks(chance: &mut Chance) -> Vec<Trick> {
    const ALL: [Trick; 7] =
        [Trick::Fork, Trick::Replay, Trick::Lie, Trick::Withhold, Trick::Flood, Trick::Oversize, Trick::AboveRole];
    ALL.into_iter().filter(|_| chance.happens(400)).collect()
}
