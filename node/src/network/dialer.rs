//! Whom to keep a link to, and when to dial next.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use libp2p::Multiaddr;
use swabmesh_protocol::id::NodeKey;

use super::address::{PeerAddress, PeerKind};
use super::backoff::{Backoff, RedialWaits};
use super::contact::{Contact, ContactStage, Failure};
use super::figures::DialFailure;

/// What names a peer to dial across changes of the list: its key, or for want of one its addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TargetId {
    /// A peer of this key, wherever it is.
    Key(NodeKey),
    /// Whoever answers here.
    Addresses(Vec<Multiaddr>),
}

/// One dial to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) target: TargetId,
    /// Who must answer.
    pub(super) key: Option<NodeKey>,
    /// Not empty; exactly one without a key.
    pub(super) addresses: Vec<Multiaddr>,
}

#[derive(Debug)]
enum Stage {
    Waiting {
        until: Instant,
    },
    /// Outside of the hours in which it may be dialled.
    Paused,
    Dialling,
    Linked {
        key: NodeKey,
        since: Instant,
    },
}

#[derive(Debug)]
struct Target {
    addresses: Vec<Multiaddr>,
    /// Which address is next, for a target without a key.
    turn: usize,
    backoff: Backoff,
    stage: Stage,
    kind: PeerKind,
    /// Who answered here last.
    met: Option<NodeKey>,
    /// Dials in a row that gave no link, and why the last one did not.
    failures: u32,
    failing_since: Option<SystemTime>,
    failure: Option<Failure>,
    linked_until: Option<SystemTime>,
}

/// All peers to keep a link to; one dial in flight each.
#[derive(Debug)]
pub(super) struct Dialer {
    targets: BTreeMap<TargetId, Target>,
    lan: RedialWaits,
    authority: RedialWaits,
    uplink_paused: bool,
    /// Whether anything of [`Dialer::contacts`] changed since it was asked last.
    changed: bool,
}

impl Dialer {
    pub(super) const fn new(lan: RedialWaits, authority: RedialWaits) -> Self {
        Self { targets: BTreeMap::new(), lan, authority, uplink_paused: false, changed: true }
    }

    /// How each peer to keep a link to is, if anything changed since this was asked last.
    pub(super) fn contacts(&mut self) -> Option<Vec<Contact>> {
        std::mem::take(&mut self.changed).then(|| self.targets.iter().map(|(id, target)| target.contact(id)).collect())
    }

    /// Pauses the dialling of the authority, or resumes it at once. Links that are up are the caller's matter.
    pub(super) fn pause_uplink(&mut self, paused: bool, now: Instant) {
        self.changed |= self.uplink_paused != paused;
        self.uplink_paused = paused;
        for target in self.targets.values_mut().filter(|target| target.kind == PeerKind::Authority) {
            match target.stage {
                Stage::Waiting { .. } if paused => target.stage = Stage::Paused,
                Stage::Paused if !paused => {
                    target.backoff.reset();
                    target.stage = Stage::Waiting { until: now };
                }
                Stage::Waiting { .. } | Stage::Paused | Stage::Dialling | Stage::Linked { .. } => {}
            }
        }
    }

    /// The keys of the authority that have a link.
    pub(super) fn uplinks(&self) -> Vec<NodeKey> {
        let linked = |target: &Target| match target.stage {
            Stage::Linked { key, .. } if target.kind == PeerKind::Authority => Some(key),
            Stage::Linked { .. } | Stage::Waiting { .. } | Stage::Paused | Stage::Dialling => None,
        };
        self.targets.values().filter_map(linked).collect()
    }

    /// Replaces the list. What is known of a peer that stays is kept; a new one without a link is due at once.
    pub(super) fn set(&mut self, peers: Vec<PeerAddress>, now: Instant, has_link: impl Fn(&NodeKey) -> bool) {
        let mut before = std::mem::take(&mut self.targets);
        for peer in peers.into_iter().filter(|peer| !peer.addresses.is_empty()) {
            let id = peer.key.map_or_else(|| TargetId::Addresses(peer.addresses.clone()), TargetId::Key);
            let waits = match peer.kind {
                PeerKind::Lan => self.lan,
                PeerKind::Authority => self.authority,
            };
            let stage = match peer.key {
                Some(key) if has_link(&key) => Stage::Linked { key, since: now },
                Some(_) | None if self.uplink_paused && peer.kind == PeerKind::Authority => Stage::Paused,
                Some(_) | None => Stage::Waiting { until: now },
            };
            let fresh = Target {
                addresses: Vec::new(),
                turn: 0,
                backoff: Backoff::new(waits),
                stage,
                kind: peer.kind,
                met: None,
                failures: 0,
                failing_since: None,
                failure: None,
                linked_until: None,
            };
            let mut target = before.remove(&id).or_else(|| self.targets.remove(&id)).unwrap_or(fresh);
            if target.addresses != peer.addresses {
                target.news(now);
            }
            target.addresses = peer.addresses;
            self.targets.insert(id, target);
        }
        self.changed = true;
    }

    /// Returns when [`Dialer::take_due`] has something next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let waiting = |target: &Target| match target.stage {
            Stage::Waiting { until } => Some(until),
            Stage::Paused | Stage::Dialling | Stage::Linked { .. } => None,
        };
        self.targets.values().filter_map(waiting).min()
    }

    /// Takes one dial that is due. Its outcome must be reported by [`Dialer::failed`] or [`Dialer::linked`].
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Attempt> {
        let due = |target: &Target| matches!(target.stage, Stage::Waiting { until } if until <= now);
        let (id, target) = self.targets.iter_mut().find(|(_, target)| due(target))?;
        target.stage = Stage::Dialling;
        self.changed = true;
        let (key, addresses) = match id {
            TargetId::Key(key) => (Some(*key), target.addresses.clone()),
            TargetId::Addresses(all) => {
                let next = all.get(target.turn % all.len().max(1)).cloned();
                target.turn = target.turn.wrapping_add(1);
                (None, next.into_iter().collect())
            }
        };
        Some(Attempt { target: id.clone(), key, addresses })
    }

    /// Notes that a dial gave no link.
    pub(super) fn failed(&mut self, id: &TargetId, why: DialFailure, now: Instant, draw: u64) {
        if let Some(target) = self.targets.get_mut(id)
            && matches!(target.stage, Stage::Dialling)
        {
            target.failures = target.failures.saturating_add(1);
            let at = SystemTime::now();
            target.failing_since.get_or_insert(at);
            target.failure = Some(Failure { why, at });
            let until = target.backoff.failed(now, draw);
            target.wait(self.uplink_paused, until);
            self.changed = true;
        }
    }

    /// Notes that there is a link to `key`, whoever dialled; `via` is the target whose dial met it.
    pub(super) fn linked(&mut self, key: NodeKey, via: Option<&TargetId>, now: Instant) {
        for (id, target) in &mut self.targets {
            if *id == TargetId::Key(key) || Some(id) == via {
                target.stage = Stage::Linked { key, since: now };
                (target.met, target.failures) = (Some(key), 0);
                (target.failing_since, target.failure) = (None, None);
                self.changed = true;
            }
        }
    }

    /// Notes that the last link to `key` ended. Whether the wait starts over depends on how long it had lived.
    pub(super) fn unlinked(&mut self, key: &NodeKey, now: Instant, draw: u64) {
        for target in self.targets.values_mut() {
            if let Stage::Linked { key: met, since } = target.stage
                && met == *key
            {
                let lived = now.saturating_duration_since(since);
                let until = target.backoff.ended(now, lived, draw);
                target.wait(self.uplink_paused, until);
                target.linked_until = Some(SystemTime::now());
                self.changed = true;
            }
        }
    }

    /// Notes a sighting of a peer: it is dialled at once if it has no link.
    pub(super) fn sighted(&mut self, key: NodeKey, now: Instant) {
        if let Some(target) = self.targets.get_mut(&TargetId::Key(key)) {
            target.news(now);
        }
    }

    /// Notes that our own network changed: everybody without a link is dialled at once.
    pub(super) fn network_changed(&mut self, now: Instant) {
        self.targets.values_mut().for_each(|target| target.news(now));
    }
}

impl Target {
    fn wait(&mut self, uplink_paused: bool, until: Instant) {
        let paused = uplink_paused && self.kind == PeerKind::Authority;
        self.stage = if paused { Stage::Paused } else { Stage::Waiting { until } };
    }

    fn contact(&self, id: &TargetId) -> Contact {
        let (key, stage) = match self.stage {
            Stage::Linked { key, .. } => (Some(key), ContactStage::Linked),
            Stage::Dialling => (None, ContactStage::Dialling),
            Stage::Waiting { until } => (None, ContactStage::Waiting { until }),
            Stage::Paused => (None, ContactStage::Paused),
        };
        let named = if let TargetId::Key(key) = id { Some(*key) } else { None };
        Contact {
            key: named.or(key).or(self.met),
            addresses: self.addresses.clone(),
            kind: self.kind,
            stage,
            failures: self.failures,
            failing_since: self.failing_since,
            failure: self.failure.clone(),
            linked_until: self.linked_until,
        }
    }

    fn news(&mut self, now: Instant) {
        self.backoff.reset();
        if let Stage::Waiting { until } = &mut self.stage {
            *until = now.min(*until);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const KEY: NodeKey = NodeKey([1; 32]);
    const OTHER: NodeKey = NodeKey([2; 32]);
    const LATE: u64 = 999;
    const SILENT: DialFailure = DialFailure::Unreachable(Vec::new());

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap()
    }

    fn peer(key: Option<NodeKey>, ports: &[u16]) -> PeerAddress {
        PeerAddress { key, addresses: ports.iter().map(|&port| address(port)).collect(), kind: PeerKind::Lan }
    }

    fn dialer(peers: Vec<PeerAddress>, now: Instant) -> Dialer {
        let waits = RedialWaits { first: Duration::from_secs(1), cap: Duration::from_secs(15) };
        let mut dialer = Dialer::new(waits, waits);
        dialer.set(peers, now, |_| false);
        dialer
    }

    #[test]
    fn a_peer_has_one_dial_in_flight_and_then_waits() {
        let now = Instant::now();
        let mut dialer = dialer(vec![peer(Some(KEY), &[1, 2])], now);
        let attempt = dialer.take_due(now).unwrap();
        assert_eq!(attempt.addresses, [address(1), address(2)]);
        assert_eq!((dialer.take_due(now), dialer.next_due()), (None, None));
        dialer.failed(&attempt.target, SILENT, now, LATE);
        assert_eq!(dialer.take_due(now), None);
        assert_eq!(dialer.next_due(), Some(now + Duration::from_millis(LATE)));
    }

    #[test]
    fn a_contact_says_why_it_has_no_link_and_when_the_next_dial_is() {
        let now = Instant::now();
        let mut dialer = dialer(vec![peer(None, &[1])], now);
        let attempt = dialer.take_due(now).unwrap();
        dialer.failed(&attempt.target, SILENT, now, LATE);
        let contact = dialer.contacts().unwrap().remove(0);
        assert_eq!(contact.stage, ContactStage::Waiting { until: now + Duration::from_millis(LATE) });
        assert_eq!((contact.failures, contact.failure.map(|failure| failure.why)), (1, Some(SILENT)));
        assert_eq!(dialer.contacts(), None, "nothing changed since");
        let attempt = dialer.take_due(now + Duration::from_secs(1)).unwrap();
        dialer.linked(KEY, Some(&attempt.target), now);
        dialer.unlinked(&KEY, now, LATE);
        let contact = dialer.contacts().unwrap().remove(0);
        assert_eq!((contact.key, contact.failures), (Some(KEY), 0), "who answered is remembered");
    }

    #[test]
    fn a_paused_uplink_is_not_dialled_and_neighbours_are() {
        let now = Instant::now();
        let uplink = PeerAddress { kind: PeerKind::Authority, ..peer(Some(KEY), &[1]) };
        let mut dialer = dialer(vec![uplink, peer(Some(OTHER), &[2])], now);
        dialer.pause_uplink(true, now);
        assert_eq!(dialer.take_due(now).unwrap().key, Some(OTHER));
        assert_eq!(dialer.take_due(now), None);
        dialer.pause_uplink(false, now);
        let attempt = dialer.take_due(now).unwrap();
        assert_eq!(attempt.key, Some(KEY));
        dialer.pause_uplink(true, now);
        dialer.failed(&attempt.target, SILENT, now, 0);
        assert_eq!(dialer.take_due(now + Duration::from_secs(60)), None, "a dial that fails meanwhile waits too");
    }

    #[test]
    fn addresses_without_a_key_take_turns() {
        let mut now = Instant::now();
        let mut dialer = dialer(vec![peer(None, &[1, 2])], now);
        for port in [1, 2, 1] {
            let attempt = dialer.take_due(now).unwrap();
            assert_eq!((attempt.key, attempt.addresses), (None, vec![address(port)]));
            now += Duration::from_secs(15);
            dialer.failed(&attempt.target, SILENT, now, 0);
        }
    }

    #[test]
    fn a_linked_peer_is_not_dialled_until_the_link_ends() {
        let now = Instant::now();
        let mut dialer = dialer(vec![peer(Some(KEY), &[1]), peer(None, &[2])], now);
        let (keyed, unkeyed) = (dialer.take_due(now).unwrap(), dialer.take_due(now).unwrap());
        dialer.failed(&keyed.target, SILENT, now, LATE);
        dialer.linked(KEY, Some(&unkeyed.target), now);
        assert_eq!(dialer.next_due(), None, "both names mean the peer that was met");
        dialer.unlinked(&OTHER, now, LATE);
        assert_eq!(dialer.next_due(), None);
        dialer.unlinked(&KEY, now + Duration::from_secs(60), 0);
        assert!(dialer.take_due(now + Duration::from_secs(60)).is_some());
        assert!(dialer.take_due(now + Duration::from_secs(60)).is_some());
    }

    #[test]
    fn news_of_a_peer_or_of_the_network_ends_its_wait() {
        let now = Instant::now();
        let mut dialer = dialer(vec![peer(Some(KEY), &[1]), peer(Some(OTHER), &[2])], now);
        for _ in 0..2 {
            let attempt = dialer.take_due(now).unwrap();
            dialer.failed(&attempt.target, SILENT, now, LATE);
        }
        dialer.sighted(KEY, now);
        assert_eq!(dialer.take_due(now).unwrap().key, Some(KEY));
        assert_eq!(dialer.take_due(now), None);
        dialer.network_changed(now);
        assert_eq!(dialer.take_due(now).unwrap().key, Some(OTHER));
    }

    #[test]
    fn a_new_list_keeps_what_is_known_of_those_that_stay() {
        let now = Instant::now();
        let mut dialer = dialer(vec![peer(Some(KEY), &[1])], now);
        let attempt = dialer.take_due(now).unwrap();
        dialer.set(vec![peer(Some(OTHER), &[2]), peer(Some(KEY), &[1])], now, |key| *key == OTHER);
        assert_eq!(dialer.next_due(), None, "one is being dialled, the other has a link");
        dialer.failed(&attempt.target, SILENT, now, LATE);
        dialer.set(Vec::new(), now, |_| false);
        assert_eq!(dialer.next_due(), None);
        dialer.failed(&attempt.target, SILENT, now, LATE);
        assert_eq!(dialer.next_due(), None, "an outcome for a peer no longer wanted changes nothing");
    }
}
