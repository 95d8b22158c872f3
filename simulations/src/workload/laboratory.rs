//! A laboratory: boxes come in, tubes are read, some readings are taken back.

use std::collections::BTreeMap;

use swabmesh_protocol::command::{Command, Refusal, Reply};
use swabmesh_protocol::fact::{Outcome, Remark, Stage, Subject};
use swabmesh_protocol::id::Barcode;
use swabmesh_protocol::io::RequestId;

use super::{RETRY_MS, Town, Work, operator};
use crate::city::NodeId;
use crate::queue::At;

const MINUTE_MS: u64 = 60_000;

#[derive(Debug, Clone)]
enum Task {
    Receive(Barcode),
    Read(Barcode),
    Correct(Barcode),
}

/// One laboratory.
#[derive(Debug)]
pub(super) struct Laboratory {
    id: NodeId,
    open: BTreeMap<RequestId, Task>,
}

impl Laboratory {
    pub(super) const fn new(id: NodeId) -> Self {
        Self { id, open: BTreeMap::new() }
    }

    fn ask(&mut self, task: Task, command: Command, town: &mut Town) {
        let request = town.ask(self.id, 0, command);
        self.open.insert(request, task);
    }

    pub(super) fn receive(&mut self, transport: Barcode, town: &mut Town) {
        let count = town.boxes.get(&transport).map_or(0, Vec::len);
        let command = Command::Receive {
            subject: Subject::Box(transport.clone()),
            count: u16::try_from(count).unwrap_or(u16::MAX),
            operator: operator("lab"),
        };
        self.ask(Task::Receive(transport), command, town);
    }

    pub(super) fn read(&mut self, tube: Barcode, town: &mut Town) {
        let outcome = if town.chance.happens(town.day.positive) { Outcome::Positive } else { Outcome::Negative };
        let command =
            Command::Report { tube: tube.clone(), outcome, stage: Stage::Final, operator: operator("reader") };
        self.ask(Task::Read(tube), command, town);
    }

    fn correct(&mut self, tube: Barcode, town: &mut Town) {
        let command = Command::Correct {
            tube: tube.clone(),
            outcome: Outcome::Inconclusive,
            reason: Remark::truncated("second look"),
            operator: operator("reader"),
        };
        self.ask(Task::Correct(tube), command, town);
    }

    pub(super) fn reply(
        &mut self,
        at: At,
        request: RequestId,
        result: &Result<Reply, Refusal>,
        town: &mut Town,
    ) -> Option<String> {
        let task = self.open.remove(&request)?;
        if matches!(result, Err(Refusal::Withdrawn)) {
            return None;
        }
        if let Err(refusal) = result {
            let forgotten = matches!(refusal, Refusal::NotReported { .. }).then(|| refusal.to_string());
            self.again(at, task, town);
            return forgotten;
        }
        match task {
            Task::Receive(transport) => {
                let [low, high] = town.day.reading_min;
                for tube in town.boxes.get(&transport).cloned().unwrap_or_default() {
                    let at = at.after_ms(town.chance.between(low * MINUTE_MS, high * MINUTE_MS));
                    town.later(at, Work::Read(self.id, tube));
                }
            }
            Task::Read(tube) => {
                town.tally.reported += 1;
                if town.chance.happens(town.day.corrected) {
                    self.correct(tube, town);
                }
            }
            Task::Correct(_) => {}
        }
        None
    }

    fn again(&self, at: At, task: Task, town: &mut Town) {
        let at = at.after_ms(RETRY_MS);
        match task {
            Task::Receive(transport) => town.later(at, Work::Box(self.id, transport)),
            // A reading that may have been taken down is stated again: the later one holds.
            Task::Read(tube) | Task::Correct(tube) => town.later(at, Work::Read(self.id, tube)),
        }
    }

    pub(super) fn interrupted(&mut self, at: At, town: &mut Town) {
        for task in std::mem::take(&mut self.open).into_values() {
            self.again(at, task, town);
        }
    }
}
