//! The network: connections as TCP gives them. Inside one nothing is lost, repeated or reordered; but a
//! connection ends at any moment, and what was on its way is lost with it.
//!
//! While a way between two nodes is cut, frames on it are held back, as TCP would repeat them: if the cut ends
//! before the receiver takes the silence for death, they arrive late, otherwise never.

use std::collections::{BTreeMap, BTreeSet};

use swabmesh_protocol::fact::Role;
use swabmesh_protocol::io::LinkId;

use crate::chance::Chance;
use crate::city::{AUTHORITY, City, NodeId};
use crate::queue::At;
use crate::scenario::{Links, Profile};
use crate::trace::frame_name;

/// A node that cannot reach another hears of it after so long. Milliseconds. Source: guess; a TCP connect gives up.
const CONNECT_TIMEOUT_MS: u64 = 5_000;
/// First wait before dialling again. Milliseconds. Source: design §5.
const REDIAL_MS_MIN: u64 = 1_000;
/// After a cut TCP repeats what was lost within this time. Milliseconds. Source: guess; its timer backs off.
const REPEAT_MS_MAX: u64 = 3_000;
/// Bytes of frames and of TCP, for the counts of bytes on the wire: length prefix, noise tag, yamux header.
const FRAME_OVERHEAD_BYTES: usize = 4 + 18 + 12;

/// How patiently a node dials another, and whether it is about to: it never waits for two dials at once.
#[derive(Debug, Clone, Copy)]
struct Redial {
    within_ms: u64,
    waits: bool,
}

/// One way of a connection.
#[derive(Debug, Default)]
struct OneWay {
    busy_until: At,
    arrives_last: At,
    held: Vec<Vec<u8>>,
    /// Bytes sent and not delivered.
    under_way: usize,
}

/// A connection between two nodes.
#[derive(Debug)]
struct Connection {
    dialler: NodeId,
    answerer: NodeId,
    since: At,
    /// Which of the two ends still believe in it.
    up: [bool; 2],
    /// From the dialler, from the answerer.
    ways: [OneWay; 2],
    profile: Profile,
}

impl Connection {
    fn end(&self, node: NodeId) -> usize {
        usize::from(node == self.answerer)
    }

    fn peer(&self, node: NodeId) -> NodeId {
        if node == self.dialler { self.answerer } else { self.dialler }
    }
}

/// What the network wants done later.
#[derive(Debug)]
pub enum Later {
    /// A frame reaches the other end.
    Deliver(LinkId, NodeId, Vec<u8>),
    /// An end learns that the connection is gone.
    Lost(LinkId, NodeId),
    /// An end has heard nothing for too long, if the way is still cut since the cut of that number.
    Silent(LinkId, NodeId, u64),
    /// A node tries to connect.
    Dial(NodeId, NodeId),
    /// A connection stands, at one end.
    Connected(LinkId, NodeId),
}

/// What frames are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Entries of the log.
    Chunks,
    /// Who has what new, who wants what, and that it is durable.
    Hints,
    /// First contact, and the proof that both hold the same.
    Comparisons,
}

/// What a line does to frames that no honest TCP lets happen: a broken relay, a broken memory. Per thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Garble {
    /// A bit is flipped.
    pub corrupt: u32,
    /// It arrives twice.
    pub duplicate: u32,
    /// The next one overtakes it.
    pub reorder: u32,
}

/// Counts for the report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traffic {
    /// Bytes handed to connections, overhead of framing and encryption included.
    pub bytes: u64,
    /// Of those, on links to the authority, in the order of [`Kind`].
    pub uplink: [u64; 3],
    /// Of those, between neighbours, in the order of [`Kind`].
    pub neighbours: [u64; 3],
    /// Bytes that couriers carried.
    pub carried: u64,
    /// Connections that ended at one end or the other.
    pub broken_links: u64,
    /// Most bytes ever under way on one connection one way.
    pub under_way_max: usize,
}

/// All connections, and what stands in their way.
#[derive(Debug)]
pub struct Network {
    profiles: Links,
    connections: BTreeMap<LinkId, Connection>,
    /// The connections of each node, by the node at the other end.
    by_node: BTreeMap<NodeId, BTreeSet<(NodeId, LinkId)>>,
    next_link: u64,
    /// Cuts from one node to another: how many, and the number of the first.
    cuts: BTreeMap<(NodeId, NodeId), (u32, u64)>,
    cuts_made: u64,
    redials: BTreeMap<(NodeId, NodeId), Redial>,
    garbles: BTreeMap<(NodeId, NodeId), Garble>,
    garbled: bool,
    /// Frames that the next one of the same way overtakes.
    overtaken: BTreeMap<(NodeId, NodeId), Vec<Vec<u8>>>,
    /// For the report.
    pub traffic: Traffic,
    chance: Chance,
}

impl Traffic {
    fn count(&mut self, frame: &[u8], size: u64, uplink: bool) {
        let kind = match frame_name(frame) {
            "chunk" => Kind::Chunks,
            "heads" | "told" | "want" | "ack" | "gone" => Kind::Hints,
            _ => Kind::Comparisons,
        };
        self.bytes += size;
        let of = if uplink { &mut self.uplink } else { &mut self.neighbours };
        of.iter_mut().skip(kind as usize).take(1).for_each(|bytes| *bytes += size);
    }
}

impl Network {
    /// No connections yet.
    #[must_use]
    pub fn new(profiles: Links, seed: u64) -> Self {
        Self {
            profiles,
            connections: BTreeMap::new(),
            by_node: BTreeMap::new(),
            next_link: 0,
            cuts: BTreeMap::new(),
            cuts_made: 0,
            redials: BTreeMap::new(),
            garbles: BTreeMap::new(),
            garbled: false,
            overtaken: BTreeMap::new(),
            traffic: Traffic::default(),
            chance: Chance::new(seed, "network"),
        }
    }

    fn profile(&self, city: &City, one: NodeId, other: NodeId) -> Profile {
        let site = |id| city.citizen(id).is_some_and(|citizen| citizen.role == Role::Site);
        if site(one) && site(other) { self.profiles.lan.into() } else { self.profiles.uplink.into() }
    }

    fn latency(&mut self, profile: Profile) -> u64 {
        let [low, high] = profile.latency_ms;
        self.chance.between(low.max(1), high.max(1))
    }

    fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.cuts.contains_key(&(from, to))
    }

    /// The other end of a connection, if `node` still believes in it.
    #[must_use]
    pub fn peer(&self, link: LinkId, node: NodeId) -> Option<NodeId> {
        let connection = self.connections.get(&link)?;
        connection.up.get(connection.end(node)).copied().unwrap_or(false).then(|| connection.peer(node))
    }

    /// Whether `node` dialled that connection.
    #[must_use]
    pub fn dialled(&self, link: LinkId, node: NodeId) -> bool {
        self.connections.get(&link).is_some_and(|connection| connection.dialler == node)
    }

    /// Connections that `node` believes in.
    #[must_use]
    pub fn links_of(&self, node: NodeId) -> Vec<LinkId> {
        let links = self.by_node.get(&node).into_iter().flatten().map(|(_, link)| *link);
        let mut links: Vec<LinkId> = links.filter(|link| self.peer(*link, node).is_some()).collect();
        links.sort_unstable();
        links
    }

    /// How many connections a node has, with those that only the other end still believes in.
    #[must_use]
    pub fn connections(&self, node: NodeId) -> usize {
        self.by_node.get(&node).map_or(0, BTreeSet::len)
    }

    /// Connections with `peer` that `node` believes in.
    #[must_use]
    pub fn links_between(&self, node: NodeId, peer: NodeId) -> Vec<LinkId> {
        let all = (peer, LinkId(0))..=(peer, LinkId(u64::MAX));
        let links = self.by_node.get(&node).into_iter().flat_map(|links| links.range(all.clone()));
        links.map(|(_, link)| *link).filter(|link| self.peer(*link, node).is_some()).collect()
    }

    /// A node sends a frame. Returns what arrives and when: nothing if the sender's end is down.
    pub fn send(&mut self, at: At, link: LinkId, from: NodeId, bytes: Vec<u8>) -> Vec<(At, Later)> {
        let Some(to) = self.peer(link, from) else { return Vec::new() };
        let frames = self.garbled(from, to, bytes);
        frames.into_iter().filter_map(|bytes| self.put(at, link, from, to, bytes)).collect()
    }

    fn put(&mut self, at: At, link: LinkId, from: NodeId, to: NodeId, bytes: Vec<u8>) -> Option<(At, Later)> {
        let profile = self.connections.get(&link)?.profile;
        let latency_ms = self.latency(profile);
        let connection = self.connections.get_mut(&link)?;
        let end = connection.end(from);
        let way = connection.ways.get_mut(end)?;
        let size = bytes.len() + FRAME_OVERHEAD_BYTES;
        way.under_way += size;
        self.traffic.count(&bytes, size as u64, from == AUTHORITY || to == AUTHORITY);
        self.traffic.under_way_max = self.traffic.under_way_max.max(way.under_way);
        way.busy_until = way.busy_until.max(at).after_ms(size as u64 / profile.bytes_per_ms.max(1));
        way.arrives_last = way.arrives_last.max(way.busy_until.after_ms(latency_ms));
        Some((way.arrives_last, Later::Deliver(link, to, bytes)))
    }

    /// What a pair's line makes of a frame: mostly the frame.
    fn garbled(&mut self, from: NodeId, to: NodeId, mut bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let Some(garble) = self.garbles.get(&(from, to)).copied() else { return vec![bytes] };
        if self.chance.happens(garble.corrupt)
            && let Some(at) = self.chance.index(bytes.len())
        {
            let flip = u8::try_from(1 << self.chance.below(8)).unwrap_or(1);
            bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= flip);
        }
        let again = self.chance.happens(garble.duplicate).then(|| bytes.clone());
        let mut frames = vec![bytes];
        frames.extend(again);
        if self.chance.happens(garble.reorder) {
            // Held back until the next frame of this way has gone ahead of it.
            let before = self.overtaken.insert((from, to), frames);
            return before.unwrap_or_default();
        }
        frames.extend(self.overtaken.remove(&(from, to)).unwrap_or_default());
        frames
    }

    /// Whether any line has changed frames.
    #[must_use]
    pub const fn is_garbled(&self) -> bool {
        self.garbled
    }

    /// What a pair's line does to frames from now on; `None`: nothing.
    pub fn garble(&mut self, from: NodeId, to: NodeId, garble: Option<Garble>) {
        self.overtaken.remove(&(from, to));
        self.garbled = true;
        match garble {
            Some(garble) => self.garbles.insert((from, to), garble),
            None => self.garbles.remove(&(from, to)),
        };
    }

    /// A frame reaches its end. Returns it if it can be handed over now.
    pub fn deliver(&mut self, link: LinkId, to: NodeId, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let from = self.connections.get(&link)?.peer(to);
        let cut = self.is_cut(from, to);
        let connection = self.connections.get_mut(&link)?;
        let (end, receiver) = (connection.end(from), connection.end(to));
        let up = connection.up.get(receiver).copied().unwrap_or(false);
        let way = connection.ways.get_mut(end)?;
        if up && (cut || !way.held.is_empty()) {
            way.held.push(bytes);
            return None;
        }
        way.under_way = way.under_way.saturating_sub(bytes.len() + FRAME_OVERHEAD_BYTES);
        up.then_some(bytes)
    }

    /// One more cut from a node to another.
    pub fn cut(&mut self, at: At, from: NodeId, to: NodeId) -> Vec<(At, Later)> {
        self.cuts_made += 1;
        let number = self.cuts_made;
        let entry = self.cuts.entry((from, to)).or_insert((0, number));
        entry.0 += 1;
        if entry.0 > 1 {
            return Vec::new();
        }
        let between = self.links_between(to, from).into_iter();
        let silent = |link: LinkId| {
            let dead_after_ms = self.connections.get(&link)?.profile.dead_after_ms;
            Some((at.after_ms(dead_after_ms), Later::Silent(link, to, number)))
        };
        between.filter_map(silent).collect()
    }

    /// One cut less; what was held back is repeated.
    pub fn heal(&mut self, at: At, from: NodeId, to: NodeId) -> Vec<(At, Later)> {
        let Some(entry) = self.cuts.get_mut(&(from, to)) else { return Vec::new() };
        entry.0 -= 1;
        if entry.0 > 0 {
            return Vec::new();
        }
        self.cuts.remove(&(from, to));
        let mut later = Vec::new();
        for link in self.links_between(to, from) {
            let repeated_ms = self.chance.between(1, REPEAT_MS_MAX);
            let Some(connection) = self.connections.get_mut(&link) else { continue };
            let end = connection.end(from);
            let Some(way) = connection.ways.get_mut(end) else { continue };
            way.arrives_last = way.arrives_last.max(at.after_ms(repeated_ms));
            let held = std::mem::take(&mut way.held).into_iter();
            later.extend(held.map(|bytes| (way.arrives_last, Later::Deliver(link, to, bytes))));
        }
        later
    }

    /// Ends every cut.
    pub fn heal_all(&mut self, at: At) -> Vec<(At, Later)> {
        self.garbles.clear();
        let cuts: Vec<(NodeId, NodeId)> = self.cuts.keys().copied().collect();
        // Nothing is lost inside a connection: what no frame has overtaken goes now, or nobody would ever answer it.
        let mut later = Vec::new();
        for ((from, to), frames) in std::mem::take(&mut self.overtaken) {
            if let Some(link) = self.links_between(from, to).first().copied() {
                later.extend(frames.into_iter().filter_map(|bytes| self.put(at, link, from, to, bytes)));
            }
        }
        for (from, to) in cuts {
            self.cuts.entry((from, to)).and_modify(|(count, _)| *count = 1);
            later.extend(self.heal(at, from, to));
        }
        later
    }

    /// Connections between two nodes stand still.
    pub fn clog(&mut self, at: At, one: NodeId, other: NodeId, for_ms: u64) {
        for link in self.links_between(one, other) {
            if let Some(connection) = self.connections.get_mut(&link) {
                connection.ways.iter_mut().for_each(|way| way.busy_until = way.busy_until.max(at.after_ms(for_ms)));
            }
        }
    }

    /// Whether an end gives a silent connection up: it does if the same cut still stands.
    #[must_use]
    pub fn is_silent(&self, link: LinkId, node: NodeId, cut: u64) -> bool {
        let Some(peer) = self.peer(link, node) else { return false };
        self.cuts.get(&(peer, node)).is_some_and(|(_, number)| *number == cut)
    }

    /// One end gives a connection up; the other hears of it if anything passes that way.
    pub fn close(&mut self, at: At, link: LinkId, node: NodeId) -> Vec<(At, Later)> {
        let Some(peer) = self.peer(link, node) else { return Vec::new() };
        let Some(profile) = self.connections.get(&link).map(|connection| connection.profile) else { return Vec::new() };
        let latency_ms = self.latency(profile);
        if let Some(connection) = self.connections.get_mut(&link) {
            // One that is closed as soon as it stands proves nothing: the carrier is as patient with it as with no answer.
            if at.since_ms(connection.since) >= profile.redial_ms_max {
                self.redials.remove(&(node, peer));
            }
            let end = connection.end(node);
            if let Some(up) = connection.up.get_mut(end) {
                *up = false;
            }
            self.traffic.broken_links += 1;
            if connection.up == [false; 2] {
                self.connections.remove(&link);
                for (end, other) in [(node, peer), (peer, node)] {
                    self.by_node.entry(end).or_default().remove(&(other, link));
                }
                return Vec::new();
            }
        }
        let heard_ms = if self.is_cut(node, peer) { profile.dead_after_ms } else { latency_ms };
        vec![(at.after_ms(heard_ms), Later::Lost(link, peer))]
    }

    /// Whether an end still takes a connection for one.
    fn believes(&self, link: LinkId, node: NodeId) -> bool {
        let up = |connection: &Connection| connection.up.get(connection.end(node)).copied();
        self.connections.get(&link).and_then(up).unwrap_or_default()
    }

    /// A node tries to reach another; `runs` says of both whether they do.
    pub fn dial(&mut self, at: At, city: &City, (from, to): (NodeId, NodeId), runs: [bool; 2]) -> Vec<(At, Later)> {
        self.redials.entry((from, to)).and_modify(|redial| redial.waits = false);
        let [runs, answers] = runs;
        let between = self.links_between(from, to);
        if !runs || between.iter().any(|link| self.believes(*link, from)) {
            return Vec::new();
        }
        if !between.is_empty() {
            // The other end has not heard that it is gone.
            return self.redial(at, city, from, to).into_iter().collect();
        }
        let profile = self.profile(city, from, to);
        if !answers || self.is_cut(from, to) || self.is_cut(to, from) {
            let failed = at.after_ms(if answers { CONNECT_TIMEOUT_MS } else { 1 });
            return self.redial(failed, city, from, to).into_iter().collect();
        }
        self.next_link += 1;
        let link = LinkId(self.next_link);
        let (there, back) = (self.latency(profile), self.latency(profile));
        let answered = at.after_ms(there + back);
        let way = || OneWay { busy_until: answered, arrives_last: answered, ..OneWay::default() };
        let ways = [way(), way()];
        let connection = Connection { dialler: from, answerer: to, since: answered, up: [true; 2], ways, profile };
        self.connections.insert(link, connection);
        for (end, other) in [(from, to), (to, from)] {
            self.by_node.entry(end).or_default().insert((other, link));
        }
        // Whichever side's connection came second goes, unless its dialler has the lower place.
        vec![(answered, Later::Connected(link, from)), (answered, Later::Connected(link, to))]
    }

    /// Another connection between the same two nodes that this end believes in.
    #[must_use]
    pub fn other(&self, link: LinkId, node: NodeId) -> Option<LinkId> {
        let peer = self.peer(link, node)?;
        self.links_between(node, peer).into_iter().find(|other| *other != link)
    }

    /// When a node dials another again, unless it is about to: with full jitter, longer each time until a connection has
    /// stood for as long as the longest wait.
    pub fn redial(&mut self, at: At, city: &City, from: NodeId, to: NodeId) -> Option<(At, Later)> {
        let max = self.profile(city, from, to).redial_ms_max;
        let redial = self.redials.entry((from, to)).or_insert(Redial { within_ms: REDIAL_MS_MIN, waits: false });
        if redial.waits {
            return None;
        }
        let within_ms = redial.within_ms;
        *redial = Redial { within_ms: within_ms.saturating_mul(2).min(max), waits: true };
        Some((at.after_ms(self.chance.between(1, within_ms)), Later::Dial(from, to)))
    }

    /// A machine goes off: what it waited for is forgotten, and the next start dials at once.
    pub fn forget_redials(&mut self, node: NodeId) {
        let of_node = (node, NodeId(0))..=(node, NodeId(usize::MAX));
        let pairs: Vec<(NodeId, NodeId)> = self.redials.range(of_node).map(|(pair, _)| *pair).collect();
        for pair in pairs {
            self.redials.remove(&pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn two_that_refuse_each_other_dial_one_at_a_time_and_ever_more_rarely() {
        let scenario = Scenario::named("clinic-day", 1).unwrap();
        let city = City::found(&scenario, 1);
        let mut network = Network::new(scenario.network, 1);
        let (from, to) = (city.of_role(Role::Site).next().unwrap(), AUTHORITY);
        let mut at = At(0);
        let waits = |network: &Network| network.redials.get(&(from, to)).map(|redial| (redial.within_ms, redial.waits));
        for within_ms in [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            let (due, _) = network.redial(at, &city, from, to).unwrap();
            assert!(network.redial(at, &city, from, to).is_none(), "it is about to");
            assert_eq!(waits(&network), Some((within_ms, true)));
            let stands = network.dial(due, &city, (from, to), [true; 2]);
            assert_eq!(stands.len(), 2, "both ends hear of it");
            at = stands.iter().map(|(at, _)| *at).max().unwrap().after_ms(1);
            let link = network.links_between(from, to)[0];
            network.close(at, link, from);
            network.close(at, link, to);
        }
        let (due, _) = network.redial(at, &city, from, to).unwrap();
        network.dial(due, &city, (from, to), [true; 2]);
        let link = network.links_between(from, to)[0];
        network.close(due.after_ms(90_000), link, from);
        assert_eq!(waits(&network), None, "one that stood makes the next wait short");
    }
}
