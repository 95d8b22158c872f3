//! A stick is read: piece by piece into the core, which answers each once it is on disk.

use swabmesh_protocol::bundle::{Came, Intake, Manifest, Step};
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::io::{ImportRefusal, Imported, Input, RequestId};
use swabmesh_protocol::limits::BUNDLE_SETTLES_MS_MAX;

use super::{LOOK_MS, Stick, Trip, WAIT_MS, Way};
use crate::city::NodeId;
use crate::node::Broken;
use crate::queue::At;
use crate::world::World;

/// Bytes read from a stick at a time.
const STEP_BYTES: usize = 64 * 1024;

/// A stick that is read.
#[derive(Debug)]
pub(super) struct Reading {
    trip: Trip,
    stick: Stick,
    /// Up to where it was read.
    at: usize,
    intake: Intake,
    /// It waits for the node to be settled, and until then at the longest.
    settles_by: Option<At>,
    tally: Tally,
}

/// What came of the pieces of a stick.
#[derive(Debug, Default)]
struct Tally {
    taken: u64,
    known: u64,
    refused: u64,
}

impl Reading {
    pub(super) const fn manifest(&self) -> Option<&Manifest> {
        self.intake.manifest()
    }

    fn push(&mut self) {
        let bytes = self.stick.read(self.at, STEP_BYTES);
        if bytes.is_empty() {
            self.intake.close();
        } else {
            self.intake.push(bytes);
            self.at += bytes.len();
        }
    }

    fn count(&mut self, came: &Came) {
        match came {
            Came::Certificate(Ok(Imported::Taken)) | Came::Chunk(_, Ok(Imported::Taken)) => self.tally.taken += 1,
            Came::Certificate(Ok(Imported::Known)) | Came::Chunk(_, Ok(Imported::Known)) => self.tally.known += 1,
            Came::Certificate(Err(_)) | Came::Chunk(_, Err(_)) => self.tally.refused += 1,
            Came::Later => {}
        }
    }
}

impl World {
    pub(super) fn begin_reading(&mut self, trip: Trip, stick: Stick) -> Result<(), Broken> {
        let from = self.city.name(trip.from()).to_owned();
        self.line(trip.to(), format_args!("stick from {from}, {} B", stick.len()));
        let intake = Intake::new(node_key(&self.city.root));
        let (settles_by, tally) = (None, Tally::default());
        let number = self.couriers.number();
        self.couriers.readings.insert(number, Reading { trip, stick, at: 0, intake, settles_by, tally });
        self.go_on_reading(number)
    }

    /// A core answers what was given to it.
    pub(crate) fn imported(&mut self, request: RequestId, result: Result<Imported, ImportRefusal>) {
        let Some((number, piece)) = self.couriers.requests.remove(&request) else { return };
        let Some(reading) = self.couriers.readings.get_mut(&number) else { return };
        let trip = reading.trip;
        match reading.intake.came(piece, result) {
            Ok(came) => {
                reading.count(&came);
                self.schedule_leg(self.at, trip, super::Step::Read(number));
            }
            Err(error) => {
                self.line(trip.to(), format_args!("stick not read to its end: {error}"));
                self.read_again(number);
            }
        }
    }

    /// A machine went off: the sticks that were read there are read again.
    pub(crate) fn readings_interrupted(&mut self, id: NodeId) {
        let there = self.couriers.readings.iter().filter(|(_, reading)| reading.trip.to() == id);
        let there: Vec<u64> = there.map(|(number, _)| *number).collect();
        there.into_iter().for_each(|number| self.read_again(number));
    }

    fn read_again(&mut self, number: u64) {
        self.couriers.requests.retain(|_, (reading, _)| *reading != number);
        if let Some(Reading { trip, stick, .. }) = self.couriers.readings.remove(&number) {
            self.schedule_leg(self.at.after_ms(WAIT_MS), trip, super::Step::Arrive(stick));
        }
    }

    /// Goes on until the reading waits for something, or is done.
    pub(super) fn go_on_reading(&mut self, number: u64) -> Result<(), Broken> {
        loop {
            let Some(reading) = self.couriers.readings.get(&number) else { return Ok(()) };
            let (trip, settles_by) = (reading.trip, reading.settles_by);
            if settles_by.is_some_and(|by| self.at < by) && !self.is_settled(trip.to()) {
                self.schedule_leg(self.at.after_ms(LOOK_MS), trip, super::Step::Read(number));
                return Ok(());
            }
            let Some(reading) = self.couriers.readings.get_mut(&number) else { return Ok(()) };
            reading.settles_by = None;
            match reading.intake.next_step() {
                Ok(Step::Give(piece, carried)) => {
                    let request = RequestId(self.couriers.number());
                    self.couriers.requests.insert(request, (number, piece));
                    self.input(trip.to(), Input::Import { request: Some(request), carried })?;
                }
                Ok(Step::Await) => return Ok(()),
                Ok(Step::More) => reading.push(),
                Ok(Step::Settle) => reading.settles_by = Some(self.at.after_ms(BUNDLE_SETTLES_MS_MAX)),
                Ok(Step::Done) => return self.was_read(number, trip, None),
                Err(error) => return self.was_read(number, trip, Some(error.to_string())),
            }
        }
    }

    fn was_read(&mut self, number: u64, trip: Trip, why: Option<String>) -> Result<(), Broken> {
        let Some(reading) = self.couriers.readings.remove(&number) else { return Ok(()) };
        let Tally { taken, known, refused } = reading.tally;
        let condition = reading.intake.condition();
        let how = why.unwrap_or_else(|| if condition.whole { "whole" } else { "damaged" }.to_owned());
        let what = format_args!("stick read: {taken} taken, {known} known, {refused} refused, {how}");
        self.line(trip.to(), what);
        if trip.way == Way::There {
            self.answer(trip, &reading);
        }
        Ok(())
    }
}
