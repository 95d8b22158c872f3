//! Couriers: chunks carried on a stick between a site and the authority, there and back.
//!
//! At the site the stick takes what the authority has not signed for, and a list of what the site holds; at the
//! authority it is read, and takes what the site lacks. Nothing is inferred from a trip: the next one brings
//! everything again that no receipt spoke of.

use std::collections::BTreeMap;

use swabmesh_protocol::answer;
use swabmesh_protocol::frontier::Lanes;
use swabmesh_protocol::id::{FeedId, SeqNo};
use swabmesh_protocol::io::{Answer, Carried, Input, Query};
use swabmesh_protocol::limits::CHUNK_BYTES_MAX;
use swabmesh_protocol::project;
use swabmesh_protocol::view::ViewError;

use crate::chance::Chance;
use crate::city::{AUTHORITY, NodeId};
use crate::disk::Disk;
use crate::node::Broken;
use crate::queue::At;
use crate::scenario::{Courier, ScenarioError};
use crate::world::{Event, World};

const MINUTE_MS: u64 = 60_000;
/// Between reading a stick and writing the answer on it: what was read is on disk and in the tables. Milliseconds.
const DESK_MS: u64 = 60_000;
/// A courier who finds a machine off asks again after this long. Milliseconds.
const WAIT_MS: u64 = 300_000;
/// How much longer a late trip takes.
const LATE: u64 = 10;

/// What is on a stick.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stick {
    chunks: Vec<Vec<u8>>,
    /// What the site held when it wrote the stick.
    held: BTreeMap<FeedId, SeqNo>,
}

/// One step of a round.
#[derive(Debug)]
pub(crate) struct Leg {
    route: usize,
    site: NodeId,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Leave,
    AtAuthority(Stick),
    Answer(BTreeMap<FeedId, SeqNo>),
    Back(Stick),
}

/// All couriers.
#[derive(Debug)]
pub(crate) struct Couriers {
    chance: Chance,
    /// What each site's stick held last time.
    last: BTreeMap<NodeId, Stick>,
}

impl Couriers {
    pub(crate) fn new(seed: u64) -> Self {
        Self { chance: Chance::new(seed, "couriers"), last: BTreeMap::new() }
    }

    /// What becomes of a stick on its way, and how long that takes; `None`: it never arrives.
    fn travel(&mut self, courier: &Courier, calm: bool, mut stick: Stick) -> Option<(u64, Stick)> {
        let [low, high] = courier.trip_min;
        let mut ms = self.chance.between(low * MINUTE_MS, high * MINUTE_MS);
        let happens = |chance: &mut Chance, per_mille| chance.happens(per_mille) && !calm;
        if happens(&mut self.chance, courier.lost) {
            return None;
        }
        if happens(&mut self.chance, courier.late) {
            ms *= LATE;
        }
        if happens(&mut self.chance, courier.truncated) {
            let whole = self.chance.index(stick.chunks.len()).unwrap_or(0);
            stick.chunks.truncate(whole + 1);
            if let Some(last) = stick.chunks.last_mut() {
                last.truncate(self.chance.index(last.len()).unwrap_or(0));
            }
        }
        Some((ms, stick))
    }
}

/// The chunks of a disk above what somebody holds, over some lanes.
fn above(disk: &Disk, held: impl Fn(&FeedId) -> SeqNo, lanes: &Lanes) -> Result<Vec<Vec<u8>>, ViewError> {
    let mut chunks = Vec::new();
    for record in project::heads(disk.tables())? {
        let feed = record.header.id();
        if !lanes.contains(record.header.lane) {
            continue;
        }
        let mut from = held(&feed).next();
        while from <= record.height {
            let query = Query::Range { feed, from, bytes_max: CHUNK_BYTES_MAX };
            let Answer::Range(Some(bytes)) = answer::read(disk.tables(), &query)? else { break };
            let Ok(chunk) = swabmesh_protocol::chunk::SealedChunk::parse(bytes) else { break };
            from = chunk.last().next();
            chunks.push(chunk.into_bytes());
        }
    }
    Ok(chunks)
}

impl World {
    /// Everybody's first round.
    pub(crate) fn begin_couriers(&mut self) -> Result<(), ScenarioError> {
        for (route, courier) in self.scenario.courier.clone().into_iter().enumerate() {
            for site in self.city.select(&courier.serves)? {
                let at = At(self.couriers.chance.around(courier.every_min * MINUTE_MS));
                self.schedule(at, Event::Courier(Leg { route, site, step: Step::Leave }));
            }
        }
        Ok(())
    }

    pub(crate) fn courier(&mut self, leg: Leg) -> Result<(), Broken> {
        let Leg { route, site, step } = leg;
        let Some(courier) = self.scenario.courier.get(route).cloned() else { return Ok(()) };
        let place = match step {
            Step::Leave | Step::Back(_) => site,
            Step::AtAuthority(_) | Step::Answer(_) => AUTHORITY,
        };
        if !self.runs(place) {
            self.schedule(self.at.after_ms(WAIT_MS), Event::Courier(Leg { route, site, step }));
            return Ok(());
        }
        match step {
            Step::Leave => {
                let next = self.at.after_ms(courier.every_min * MINUTE_MS);
                self.schedule(next, Event::Courier(Leg { route, site, step: Step::Leave }));
                let stick = self.written_at_site(site, &courier)?;
                self.send_off(&courier, (route, site), stick, Step::AtAuthority);
            }
            Step::AtAuthority(stick) => {
                let held = stick.held.clone();
                self.read(AUTHORITY, site, stick)?;
                self.schedule(self.at.after_ms(DESK_MS), Event::Courier(Leg { route, site, step: Step::Answer(held) }));
            }
            Step::Answer(held) => {
                let lanes = self.city.citizen(site).map_or(Lanes::All, crate::city::Citizen::lanes);
                let Some(authority) = self.nodes.get(AUTHORITY.0) else { return Ok(()) };
                let chunks = above(&authority.disk, |feed| held.get(feed).copied().unwrap_or_default(), &lanes)?;
                self.send_off(&courier, (route, site), Stick { chunks, held }, Step::Back);
            }
            Step::Back(stick) => self.read(site, AUTHORITY, stick)?,
        }
        Ok(())
    }

    fn written_at_site(&mut self, site: NodeId, courier: &Courier) -> Result<Stick, Broken> {
        let calm = self.faults.is_calm();
        if !calm
            && self.couriers.chance.happens(courier.old)
            && let Some(last) = self.couriers.last.get(&site)
        {
            let old = last.clone();
            self.line(site, format_args!("stick holds what it held last time"));
            return Ok(old);
        }
        let Some(node) = self.nodes.get(site.0) else { return Ok(Stick::default()) };
        let tables = node.disk.tables();
        let receipted = |feed: &FeedId| project::receipt_mark(tables, feed).ok().flatten().unwrap_or_default();
        let chunks = above(&node.disk, receipted, &Lanes::All)?;
        let heads = project::heads(tables)?;
        let held = heads.into_iter().map(|record| (record.header.id(), record.height)).collect();
        let stick = Stick { chunks, held };
        self.couriers.last.insert(site, stick.clone());
        Ok(stick)
    }

    fn send_off(&mut self, courier: &Courier, (route, site): (usize, NodeId), stick: Stick, step: fn(Stick) -> Step) {
        let bytes: usize = stick.chunks.iter().map(Vec::len).sum();
        let count = stick.chunks.len();
        let calm = self.faults.is_calm();
        match self.couriers.travel(courier, calm, stick) {
            Some((ms, stick)) => {
                self.network.traffic.carried += bytes as u64;
                self.line(site, format_args!("courier with {count} chunks, {bytes} B, for {ms} ms"));
                self.schedule(self.at.after_ms(ms), Event::Courier(Leg { route, site, step: step(stick) }));
            }
            None => self.line(site, format_args!("courier with {count} chunks, {bytes} B, lost")),
        }
    }

    fn read(&mut self, id: NodeId, from: NodeId, stick: Stick) -> Result<(), Broken> {
        let from = self.city.name(from).to_owned();
        self.line(id, format_args!("stick from {from}, {} chunks", stick.chunks.len()));
        for chunk in stick.chunks {
            self.input(id, Input::Import { request: None, carried: Carried::Chunk(chunk) })?;
        }
        Ok(())
    }
}
