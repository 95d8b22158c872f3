//! Why a node is not in sync, what is not safe yet, and what the operator can do about it (N7).

use serde::{Deserialize, Serialize};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::replica::Missing;

use crate::contact::{Contact, State};
use crate::runtime::Snapshot;

/// Chunks the tables may be behind before anybody is told. Source: guess; a second of a busy site.
const BEHIND_MAX: u64 = 100;

/// How urgent something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing to do.
    Fine,
    /// Worth knowing; registration goes on.
    Look,
    /// Somebody must act now.
    Act,
}

/// One thing the operator should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// How urgent.
    pub level: Level,
    /// What is the case.
    pub what: String,
    /// What to do; nothing if nothing helps but time.
    pub what_to_do: String,
}

impl Advice {
    fn new(level: Level, what: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self { level, what: what.into(), what_to_do: what_to_do.into() }
    }
}

/// Everything worth saying of a node, the most urgent first; never empty.
#[must_use]
pub fn advice(snapshot: &Snapshot) -> Vec<Advice> {
    let mut all = Vec::new();
    disk(snapshot, &mut all);
    clock(snapshot, &mut all);
    if snapshot.core.withdrawn {
        withdrawn(snapshot, &mut all);
        lists(snapshot, &mut all);
    } else {
        copies(snapshot, &mut all);
        lists(snapshot, &mut all);
        certificate(snapshot, &mut all);
    }
    all.extend(snapshot.contacts.iter().filter_map(contact));
    forks(snapshot, &mut all);
    all.sort_by_key(|advice| std::cmp::Reverse(advice.level));
    if all.is_empty() {
        all.push(Advice::new(Level::Fine, "everything is in order", ""));
    }
    all
}

fn disk(snapshot: &Snapshot, all: &mut Vec<Advice>) {
    let disk = &snapshot.disk;
    if let Some(trouble) = &disk.trouble {
        let what = format!("registrations are refused: {trouble}");
        all.push(Advice::new(
            Level::Act,
            what,
            "Free some space or change the machine; register at another desk meanwhile.",
        ));
    } else if disk.free_bytes.is_some_and(|free| free < disk.floor_bytes.saturating_mul(4)) {
        all.push(Advice::new(
            Level::Look,
            "the disk is nearly full",
            "Free some space before registrations are refused.",
        ));
    }
    let behind = snapshot.core.arrivals.saturating_sub(snapshot.core.indexed);
    if behind > BEHIND_MAX {
        let what = format!("lists and counts are {behind} steps behind the log");
        all.push(Advice::new(Level::Look, what, "Wait; if it grows, the disk is too slow."));
    }
}

fn forks(snapshot: &Snapshot, all: &mut Vec<Advice>) {
    let core = &snapshot.core;
    if core.forks > 0 {
        let what = format!(
            "{} logs have two histories; {} entries are kept and do not count yet",
            core.forks, core.quarantined
        );
        let what_to_do = match core.role {
            Role::Authority => "See `swabmesh log forks`, then decide: `swabmesh authority fork decide`.",
            Role::Site | Role::Lab => "See `swabmesh log forks`; the authority decides.",
        };
        all.push(Advice::new(Level::Look, what, what_to_do));
    }
    if snapshot.counters.contains_key("restored") {
        let what = "this machine's disk was restored or cloned: it goes on in a new log, and what it lost comes back";
        all.push(Advice::new(Level::Look, what, "If another machine runs from the same disk, stop it."));
    }
}

fn clock(snapshot: &Snapshot, all: &mut Vec<Advice>) {
    if snapshot.core.clock_doubtful {
        let minutes = snapshot.core.clock_offset_ms / 60_000;
        let what = match minutes {
            0 => "this machine's clock is behind something signed later".to_owned(),
            _ => format!("this machine's clock differs from its neighbours' by {} minutes", minutes.abs()),
        };
        all.push(Advice::new(Level::Act, what, "Set the date and time; registrations are kept all the same."));
    }
}

fn certificate(snapshot: &Snapshot, all: &mut Vec<Advice>) {
    let core = &snapshot.core;
    let here = if core.role == Role::Authority {
        "Run `swabmesh authority renew`, with --root if the root key is on a stick."
    } else {
        "Connect to the authority or a neighbour, or have a bundle carried there and its answer back: the new one comes by itself."
    };
    if core.certificate.left_s == 0 {
        let what = "this node's certificate has ended: registration goes on, others may refuse to sync";
        all.push(Advice::new(Level::Act, what, here));
    } else if core.certificate.late {
        let what = format!("this node's certificate ends in {}", duration(core.certificate.left_s));
        all.push(Advice::new(Level::Look, what, here));
    }
    if core.renewals_late > 0 {
        let what = format!("the certificates of {} nodes end soon and are not renewed", core.renewals_late);
        all.push(Advice::new(Level::Look, what, here));
    }
}

fn withdrawn(snapshot: &Snapshot, all: &mut Vec<Advice>) {
    let what = "registrations are refused: the authority withdrew this node, and what it writes counts nowhere";
    let what_to_do =
        "Work at another node, and ask the authority. A machine that is to go on joins anew, with a new --data.";
    all.push(Advice::new(Level::Act, what, what_to_do));
    let only_here = snapshot.core.own.only_here;
    if only_here > 0 {
        let what = format!("{only_here} registrations are not known to be at the authority, and may count nowhere");
        all.push(Advice::new(Level::Look, what, "Ask the authority; those people register again at another node."));
    }
}

fn copies(snapshot: &Snapshot, all: &mut Vec<Advice>) {
    let core = &snapshot.core;
    let authority = core.peers.iter().any(|peer| peer.role == Some(Role::Authority));
    if core.role != Role::Authority && !authority {
        let what = if core.peers.is_empty() {
            "no other node is connected: registration goes on without"
        } else {
            "the authority is not connected; neighbours are, and carry what is registered here"
        };
        let what_to_do = "Check the uplink, and authority_addresses in node.toml.";
        all.push(Advice::new(Level::Look, what, what_to_do));
    }
    let only_here = core.own.only_here;
    if only_here > 0 && core.role != Role::Authority {
        let what = format!("{only_here} registrations exist only on this machine");
        let what_to_do = if core.peers.is_empty() { "Keep it safe, and connect it." } else { "" };
        all.push(Advice::new(Level::Look, what, what_to_do));
    }
}

fn lists(snapshot: &Snapshot, all: &mut Vec<Advice>) {
    let core = &snapshot.core;
    if core.role == Role::Authority {
        return;
    }
    if core.lists.is_empty() {
        let what_to_do = "Connect to a neighbour or the authority.";
        all.push(Advice::new(Level::Look, "no revocation list is here yet: codes get an amber verdict", what_to_do));
    }
    if let Some(oldest) = core.lists.iter().filter(|list| list.stale).map(|list| list.age_s).max() {
        let what = format!("the revocation list is {} old: codes get an amber verdict", duration(oldest));
        all.push(Advice::new(Level::Look, what, "Connect to a neighbour or the authority."));
    }
    if core.seal_key.is_none() {
        let what = "no key of the authority is here yet: telephone and address typed here are not kept";
        all.push(Advice::new(Level::Look, what, "Connect to a neighbour or the authority."));
    }
}

fn contact(contact: &Contact) -> Option<Advice> {
    // A neighbour that is away, or one that is just beginning, is no news.
    let quiet = matches!(contact.state, State::Absent | State::Dialling | State::Paused);
    if contact.is_fine() || quiet {
        return None;
    }
    let Missing { feeds, entries: here, .. } = contact.missing_here;
    let missing = match (here, contact.missing_there.entries) {
        (0, 0) => String::new(),
        (0, there) => format!("; {there} entries are missing there"),
        (here, 0) => format!("; {here} entries of {feeds} feeds are still to come"),
        (here, there) => format!("; {here} entries are still to come, {there} are missing there"),
    };
    let what = format!("{}: {}{missing}", contact.name, contact.what);
    Some(Advice::new(Level::Look, what, &contact.what_to_do))
}

/// A duration as people say it, in its largest unit.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..=119 => (seconds, "s"),
        120..=7_199 => (seconds / 60, "min"),
        7_200..=172_799 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use swabmesh_protocol::id::NodeKey;
    use swabmesh_protocol::replica::{ListAge, PeerStatus, Validity};
    use swabmesh_protocol::time::Wall;

    use super::*;
    use crate::contact::Known;
    use crate::http::fixture::snapshot;

    fn told(snapshot: &Snapshot) -> String {
        advice(snapshot).iter().map(|advice| format!("{:?} {}\n", advice.level, advice.what)).collect()
    }

    fn authority() -> PeerStatus {
        PeerStatus {
            node: NodeKey([1; 32]),
            name: "city".to_owned(),
            role: Some(Role::Authority),
            connected_since: Wall(0),
            link: swabmesh_protocol::io::LinkId(1),
            version: Some(2),
            in_sync_since: Some(Wall(0)),
            changed_since: false,
            behind_since: None,
            missing_here: Missing::default(),
            missing_there: Missing::default(),
            set_aside: 0,
            unacked_bytes: 0,
        }
    }

    #[test]
    fn a_node_on_its_own_hears_what_is_only_there_and_what_helps() {
        let mut alone = snapshot();
        alone.core.own.only_here = 7;
        let told = told(&alone);
        assert!(told.contains("no other node is connected"), "{told}");
        assert!(told.contains("7 registrations exist only on this machine"), "{told}");
        assert!(told.contains("no revocation list"), "{told}");
    }

    #[test]
    fn a_certificate_that_ends_is_told_before_it_has_and_what_brings_the_next() {
        let mut late = snapshot();
        assert!(!told(&late).contains("certificate"));
        late.core.certificate = Validity { left_s: 9 * 86_400, late: true, ..late.core.certificate };
        assert!(told(&late).contains("Look this node's certificate ends in 9 days"), "{}", told(&late));
        late.core.certificate.left_s = 0;
        assert!(told(&late).starts_with("Act this node's certificate has ended"), "{}", told(&late));
        let mut city = snapshot();
        (city.core.role, city.core.renewals_late) = (Role::Authority, 3);
        assert!(told(&city).contains("the certificates of 3 nodes end soon and are not renewed"));
    }

    #[test]
    fn a_withdrawn_node_is_told_so_instead_of_when_its_certificate_ends() {
        let mut withdrawn = snapshot();
        withdrawn.core.withdrawn = true;
        withdrawn.core.certificate.left_s = 0;
        withdrawn.core.own.only_here = 3;
        let told = told(&withdrawn);
        assert!(told.starts_with("Act registrations are refused: the authority withdrew this node"), "{told}");
        assert!(told.contains("3 registrations are not known to be at the authority"), "{told}");
        assert!(!told.contains("certificate") && !told.contains("goes on"), "{told}");
    }

    #[test]
    fn a_refusing_disk_comes_before_everything_else() {
        let mut full = snapshot();
        full.disk.trouble = Some("the disk is full".to_owned());
        assert!(told(&full).starts_with("Act registrations are refused: the disk is full"));
    }

    #[test]
    fn a_node_in_sync_with_fresh_lists_hears_that_all_is_well() {
        let mut well = snapshot();
        well.core.peers.push(authority());
        well.core.lists.push(ListAge { list: 1, issued_at: 0, age_s: 60, stale: false });
        well.core.seal_key = Some(swabmesh_protocol::fact::SealKey { day: 1, public: [1; 32] });
        assert_eq!(told(&well), "Fine everything is in order\n");
        well.core.peers[0].missing_here = Missing { feeds: 2, entries: 30, bytes: 1_200 };
        let known = Known { session: Some(&well.core.peers[0]), ..Known::default() };
        well.contacts = vec![known.contact(Some("city".to_owned()), false)];
        assert_eq!(told(&well), "Look city: connected, catching up; 30 entries of 2 feeds are still to come\n");
        well.core.lists[0] = ListAge { age_s: 200_000, stale: true, ..well.core.lists[0] };
        assert!(told(&well).contains("the revocation list is 2 days old"));
    }
}
