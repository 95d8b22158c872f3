//! Couriers: bundles carried on a stick between a site and the authority, there and back.
//!
//! At the site the stick takes what the authority has not signed for, as `swabmesh bundle export` does; at the authority
//! it is read, and takes the answer, as with `--answer`. Nothing is inferred from a trip: the next one brings
//! everything again that no receipt spoke of.

use std::collections::BTreeMap;

use swabmesh_protocol::bundle::{self, Aim, Ask, WriteError};
use swabmesh_protocol::io::RequestId;
use swabmesh_protocol::limits::BUNDLE_SETTLES_MS_MAX;
use swabmesh_protocol::replica::Replica;
use swabmesh_protocol::restore;

use crate::chance::Chance;
use crate::city::{AUTHORITY, NodeId};
use crate::node::Broken;
use crate::queue::At;
use crate::scenario::{Courier, ScenarioError};
use crate::world::{Event, World};

mod reading;
mod stick;

use reading::Reading;
use stick::Stick;

/// What a node's tables say they hold can be written on a stick.
const RULE: &str = "what-is-held-can-be-carried";

const MINUTE_MS: u64 = 60_000;
/// A courier who finds a machine off, or without room, asks again after this long. Milliseconds.
const WAIT_MS: u64 = 300_000;
/// Between two looks whether a node is settled. Milliseconds.
const LOOK_MS: u64 = 20;
/// How much longer a late trip takes.
const LATE: u64 = 10;

/// The direction of a trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

/// A trip of a courier: the place of its route in the scenario, the site, and the direction.
#[derive(Debug, Clone, Copy)]
struct Trip {
    route: usize,
    site: NodeId,
    way: Way,
}

impl Trip {
    /// Where its stick is written.
    const fn from(self) -> NodeId {
        if matches!(self.way, Way::There) { self.site } else { AUTHORITY }
    }

    /// Where it is read.
    const fn to(self) -> NodeId {
        if matches!(self.way, Way::There) { AUTHORITY } else { self.site }
    }
}

/// One step of a trip.
#[derive(Debug)]
pub(crate) struct Leg {
    trip: Trip,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// The courier comes to the site.
    Leave,
    /// Its stick is written once the node is settled, and at this moment at the latest.
    Write(Ask, Option<At>),
    Arrive(Stick),
    /// The reading of this number goes on.
    Read(u64),
}

impl Step {
    /// Where it is taken.
    const fn place(&self, trip: Trip) -> NodeId {
        match self {
            Self::Leave | Self::Write(..) => trip.from(),
            Self::Arrive(_) | Self::Read(_) => trip.to(),
        }
    }
}

/// All couriers.
#[derive(Debug)]
pub(crate) struct Couriers {
    chance: Chance,
    /// What each site's stick held last time.
    last: BTreeMap<NodeId, Stick>,
    readings: BTreeMap<u64, Reading>,
    /// Whose piece each request gave to a core: the reading, and the number there.
    requests: BTreeMap<RequestId, (u64, u64)>,
    /// Readings and requests ever begun.
    numbers: u64,
}

impl Couriers {
    pub(crate) fn new(seed: u64) -> Self {
        let (last, readings, requests) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { chance: Chance::new(seed, "couriers"), last, readings, requests, numbers: 0 }
    }

    const fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
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
            stick.truncate(&mut self.chance);
        }
        if happens(&mut self.chance, courier.damaged) {
            stick.damage(&mut self.chance);
        }
        Some((ms, stick))
    }
}

impl World {
    /// Everybody's first round.
    pub(crate) fn begin_couriers(&mut self) -> Result<(), ScenarioError> {
        for (route, courier) in self.scenario.courier.clone().into_iter().enumerate() {
            for site in self.city.select(&courier.serves)? {
                let at = At(self.couriers.chance.around(courier.every_min * MINUTE_MS));
                self.schedule_leg(at, Trip { route, site, way: Way::There }, Step::Leave);
            }
        }
        Ok(())
    }

    pub(crate) fn courier(&mut self, Leg { trip, step }: Leg) -> Result<(), Broken> {
        let Some(courier) = self.scenario.courier.get(trip.route).cloned() else { return Ok(()) };
        match step {
            Step::Read(number) => self.go_on_reading(number)?,
            step if !self.runs(step.place(trip)) => {
                let step = if let Step::Write(ask, _) = step { Step::Write(ask, None) } else { step };
                self.schedule_leg(self.at.after_ms(WAIT_MS), trip, step);
            }
            Step::Leave => {
                self.schedule_leg(self.at.after_ms(courier.every_min * MINUTE_MS), trip, Step::Leave);
                match self.held_last_time(trip.site, &courier) {
                    Some(stick) => self.send_off(&courier, trip, stick),
                    None => self.schedule_leg(self.at, trip, Step::Write(Ask::default(), None)),
                }
            }
            Step::Write(ask, by) => {
                let by = by.unwrap_or(self.at.after_ms(BUNDLE_SETTLES_MS_MAX));
                if !self.is_settled(trip.from()) && self.at < by {
                    self.schedule_leg(self.at.after_ms(LOOK_MS), trip, Step::Write(ask, Some(by)));
                    return Ok(());
                }
                let stick = self.write(trip.from(), ask)?;
                if trip.way == Way::There {
                    self.couriers.last.insert(trip.site, stick.clone());
                }
                self.send_off(&courier, trip, stick);
            }
            Step::Arrive(stick) => self.begin_reading(trip, stick)?,
        }
        Ok(())
    }

    fn schedule_leg(&mut self, at: At, trip: Trip, step: Step) {
        self.schedule(at, Event::Courier(Leg { trip, step }));
    }

    /// Whether everything at a node is written, signed for and shown.
    fn is_settled(&self, id: NodeId) -> bool {
        self.nodes.get(id.0).and_then(|node| node.replica()).is_some_and(Replica::is_settled)
    }

    /// The stick as it was, now and then: nobody wrote on it.
    fn held_last_time(&mut self, site: NodeId, courier: &Courier) -> Option<Stick> {
        if self.faults.is_calm() || !self.couriers.chance.happens(courier.old) {
            return None;
        }
        let last = self.couriers.last.get(&site).cloned()?;
        self.line(site, format_args!("stick holds what it held last time"));
        Some(last)
    }

    /// A stick with the bundle that a node is asked for.
    fn write(&mut self, id: NodeId, ask: Ask) -> Result<Stick, Broken> {
        let (Some(node), Some(citizen)) = (self.nodes.get(id.0), self.city.citizen(id)) else {
            return Ok(Stick::default());
        };
        let Some(maker) = node.replica().map(Replica::bundle_maker) else { return Ok(Stick::default()) };
        let tables = node.disk.tables();
        let mut signed = self.city.signed.certificates.clone();
        signed.push(citizen.certificate.clone());
        signed.extend(restore::certificates(tables)?);
        let writing = bundle::export(tables, &maker, signed, node.now(self.at).wall, ask)?;
        match writing.collect::<Result<Vec<_>, _>>() {
            Ok(records) => Ok(Stick::new(records.concat())),
            Err(WriteError::View(error)) => Err(error.into()),
            // Nothing is pruned between the plan and the reading here, and no disk is damaged.
            Err(error @ (WriteError::TooMany | WriteError::Gone { .. })) => {
                self.violated(RULE, id, error.to_string());
                Ok(Stick::default())
            }
        }
    }

    fn send_off(&mut self, courier: &Courier, trip: Trip, stick: Stick) {
        let (bytes, calm) = (stick.len(), self.faults.is_calm());
        match self.couriers.travel(courier, calm, stick) {
            Some((ms, stick)) => {
                self.network.traffic.carried += bytes as u64;
                self.line(trip.site, format_args!("courier with {bytes} B, for {ms} ms"));
                self.schedule_leg(self.at.after_ms(ms), trip, Step::Arrive(stick));
            }
            None => self.line(trip.site, format_args!("courier with {bytes} B, lost")),
        }
    }

    /// The authority answers a stick that it read; one that does not say any more what its maker holds, with everything
    /// of the site's cell.
    fn answer(&mut self, trip: Trip, read: &Reading) {
        let ask = read.manifest().map_or_else(
            || {
                let cell = self.city.citizen(trip.site).map(|citizen| citizen.lane);
                Ask { to: Some(Aim::All), cells: cell.into_iter().collect(), ..Ask::default() }
            },
            Ask::answering,
        );
        self.schedule_leg(self.at, Trip { way: Way::Back, ..trip }, Step::Write(ask, None));
    }
}

#[cfg(test)]
mod tests;
