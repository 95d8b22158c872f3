//! The desk of a site: tubes are opened, people registered into them, tubes sealed, packed and sent.

use std::collections::VecDeque;

use swabmesh_protocol::command::{Command, Presented, Refusal, Register, Reply, Verdict};
use swabmesh_protocol::fact::{Field, Remark, Route};
use swabmesh_protocol::id::{Barcode, EntryId};
use swabmesh_protocol::text::Text;

use super::{RETRY_MS, Town, Work, operator};
use crate::city::NodeId;
use crate::queue::At;

const MINUTE_MS: u64 = 60_000;

/// One thing an operator does.
#[derive(Debug, Clone)]
enum Step {
    Open(Barcode),
    Register { resident: usize, insists: bool },
    Void(EntryId, Barcode),
    Amend(EntryId, Barcode),
    Move(EntryId, Barcode, Barcode),
    Seal(Barcode),
    Pack(Barcode),
    HandOver,
}

/// One operator of a site, who does one thing at a time.
#[derive(Debug)]
pub(super) struct Desk {
    id: NodeId,
    number: usize,
    name: String,
    steps: VecDeque<Step>,
    doing: Option<Step>,
    /// Whether it may have been done before: the power went before the answer came.
    repeats: bool,
    tube: Option<Barcode>,
    /// The newest registration in the tube, and in the one before.
    newest: Option<(EntryId, Barcode)>,
    tubes: u32,
    boxes: u32,
    packed: Vec<Barcode>,
}

impl Desk {
    pub(super) fn new(id: NodeId, number: usize, site: &str) -> Self {
        Self {
            id,
            number,
            name: if number == 0 { site.to_owned() } else { format!("{site}.{number}") },
            steps: VecDeque::new(),
            doing: None,
            repeats: false,
            tube: None,
            newest: None,
            tubes: 0,
            boxes: 0,
            packed: Vec::new(),
        }
    }

    fn transport(&self) -> Option<Barcode> {
        format!("BOX-{}-{}", self.name, self.boxes).parse().ok()
    }

    fn new_tube(&mut self, town: &mut Town) -> Option<Barcode> {
        if town.chance.happens(town.day.shared_barcode) {
            let mut others = town.open_tubes.iter().rev().filter(|(site, _)| **site != self.id);
            if let Some((_, shared)) = others.next() {
                return Some(shared.clone());
            }
        }
        self.tubes += 1;
        format!("T-{}-{}", self.name, self.tubes).parse().ok()
    }

    /// The operator goes on with what was begun, or with the next person.
    pub(super) fn go_on(&mut self, at: At, town: &mut Town) {
        if self.doing.is_some() {
            return;
        }
        if self.steps.is_empty() {
            if town.closing {
                return;
            }
            self.next_person(town);
        }
        let Some(step) = self.steps.pop_front() else { return };
        match self.command(&step, town) {
            Some(command) => {
                self.doing = Some(step);
                town.ask(self.id, self.number, command);
            }
            None => town.later(at.after_ms(town.day.step_ms), Work::Desk(self.id, self.number)),
        }
    }

    fn next_person(&mut self, town: &mut Town) {
        let again = town.chance.happens(town.day.again).then(|| town.chance.index(town.known.len())).flatten();
        let known = again.and_then(|at| town.known.get(at).copied());
        let resident = known.unwrap_or_else(|| town.next_resident());
        self.steps.push_back(Step::Register { resident, insists: false });
        self.ensure_tube(town);
    }

    fn ensure_tube(&mut self, town: &mut Town) {
        if self.tube.is_none()
            && let Some(tube) = self.new_tube(town)
        {
            self.steps.push_front(Step::Open(tube));
        }
    }

    fn command(&mut self, step: &Step, town: &mut Town) -> Option<Command> {
        let operator = operator("desk");
        let reason = Remark::truncated("as the person says");
        Some(match step.clone() {
            Step::Open(tube) => Command::Open { tube, pool: town.day.pool, operator },
            Step::Register { resident, insists } => {
                town.tally.registrations += 1;
                let of = town.residents.get(resident)?;
                let presented = match of.code.clone() {
                    Some(code) => Presented::Code(code),
                    None => Presented::Document {
                        person: of.person,
                        route: Route::Document,
                        document: 1,
                        last_four: of.last_four.clone(),
                        name: Text::truncated("张*"),
                        guardian: None,
                        details: None,
                    },
                };
                let reason = insists.then_some(reason);
                Command::Register(Box::new(Register { tube: self.tube.clone()?, presented, operator, reason }))
            }
            Step::Void(registration, tube) => Command::Void { registration, tube, reason, operator },
            Step::Amend(registration, tube) => {
                let value = Text::truncated("李*");
                Command::Amend { registration, tube, field: Field::Name, value, reason, operator }
            }
            Step::Move(registration, from, to) => {
                Command::Move { registrations: vec![registration], from, to, reason, operator }
            }
            Step::Seal(tube) => Command::Seal { tube, operator, not_full: true },
            Step::Pack(tube) => Command::Pack { tube, transport: self.transport()?, operator },
            Step::HandOver => {
                let count = u16::try_from(self.packed.len()).unwrap_or(u16::MAX);
                Command::HandOver { transport: self.transport()?, to: Text::truncated("courier"), count, operator }
            }
        })
    }

    /// The node answered. Returns what it seems to have forgotten.
    pub(super) fn reply(&mut self, at: At, result: &Result<Reply, Refusal>, town: &mut Town) -> Option<String> {
        let step = self.doing.take()?;
        let repeats = std::mem::take(&mut self.repeats);
        if matches!(result, Err(Refusal::Withdrawn)) {
            // Everybody is sent to another machine.
            self.steps.clear();
            town.open_tubes.remove(&self.id);
            return None;
        }
        let mut wait_ms = town.day.step_ms;
        let mut forgotten = None;
        match (step, result) {
            (step, Err(Refusal::Busy | Refusal::Store | Refusal::Disk(_))) => {
                wait_ms = RETRY_MS;
                self.steps.push_front(step);
            }
            (Step::Register { resident, insists }, Ok(Reply::Verdict(verdict))) => {
                self.verdict(resident, insists, verdict, town);
            }
            (Step::Register { resident, insists }, Err(refusal)) => {
                self.steps.push_front(Step::Register { resident, insists });
                self.tube = None;
                if let Refusal::TubeFull { tube, .. } = refusal {
                    self.fill(tube.clone());
                }
                self.ensure_tube(town);
            }
            (Step::Open(tube), Ok(_) | Err(Refusal::TubeOpen { .. })) => self.opened(tube, town),
            (Step::Open(_), Err(_)) => {
                self.tube = None;
                self.ensure_tube(town);
            }
            (Step::Seal(tube), Ok(_) | Err(Refusal::TubeSealed { .. })) => self.steps.push_front(Step::Pack(tube)),
            (Step::Pack(tube), Ok(_)) => {
                self.packed.push(tube);
                if self.packed.len() >= town.day.box_tubes {
                    self.steps.push_front(Step::HandOver);
                }
            }
            (Step::HandOver, Ok(_)) => self.handed_over(at, town),
            (Step::Void(..) | Step::Amend(..) | Step::Move(..), Ok(_)) => {}
            // Another site may have sealed a tube that both opened.
            (Step::Move(..), Err(Refusal::TubeSealed { .. })) => {}
            (_, Err(_)) if repeats => {}
            (step, Err(refusal)) => forgotten = Some(format!("{step:?}: {refusal}")),
            (step, Ok(reply)) => forgotten = Some(format!("{step:?}: {reply:?}")),
        }
        let wait = if self.steps.is_empty() { town.chance.around(town.day.person_every_ms) } else { wait_ms };
        town.later(at.after_ms(wait), Work::Desk(self.id, self.number));
        forgotten
    }

    fn opened(&mut self, tube: Barcode, town: &mut Town) {
        town.open_tubes.insert(self.id, tube.clone());
        if let Some((newest, before)) = self.newest.take()
            && before != tube
            && town.chance.happens(town.day.moved)
        {
            self.steps.push_back(Step::Move(newest, before, tube.clone()));
        }
        self.tube = Some(tube);
    }

    fn verdict(&mut self, resident: usize, insists: bool, verdict: &Verdict, town: &mut Town) {
        if let Some(registration) = verdict.registration {
            self.accepted(resident, registration, verdict, town);
        } else if verdict.needs_reason && !insists && town.chance.happens(town.day.insist) {
            self.steps.push_front(Step::Register { resident, insists: true });
        }
    }

    fn accepted(&mut self, resident: usize, registration: EntryId, verdict: &Verdict, town: &mut Town) {
        town.tally.accepted += 1;
        if let Some(of) = town.residents.get_mut(resident) {
            if std::mem::replace(&mut of.registered, true) {
                town.tally.again += 1;
            } else {
                town.known.push(resident);
            }
        }
        let tube = verdict.tube.clone();
        self.newest = Some((registration, tube.clone()));
        if town.chance.happens(town.day.voided) {
            self.newest = None;
            self.steps.push_back(Step::Void(registration, tube.clone()));
        } else if town.chance.happens(town.day.amended) {
            self.steps.push_back(Step::Amend(registration, tube.clone()));
        }
        if verdict.count >= u16::from(verdict.pool) {
            self.fill(tube);
        }
    }

    /// A full tube is sealed and packed.
    fn fill(&mut self, tube: Barcode) {
        self.tube = None;
        self.steps.push_back(Step::Seal(tube));
    }

    fn handed_over(&mut self, at: At, town: &mut Town) {
        let packed = std::mem::take(&mut self.packed);
        if let Some(transport) = self.transport() {
            town.boxes.insert(transport.clone(), packed);
            let [low, high] = town.day.courier_min;
            let arrives = at.after_ms(town.chance.between(low * MINUTE_MS, high * MINUTE_MS));
            if let Some(lab) = town.chance.index(town.labs.len()).and_then(|at| town.labs.get(at)).copied() {
                town.later(arrives, Work::Box(lab, transport));
            }
        }
        self.boxes += 1;
    }

    /// The disk is gone, and nobody knows what of the last hours was on the copy: the operator begins anew.
    pub(super) fn begin_anew(&mut self, at: At, town: &mut Town) {
        self.steps.clear();
        self.packed.clear();
        (self.doing, self.tube, self.newest) = (None, None, None);
        town.open_tubes.remove(&self.id);
        town.later(at.after_ms(RETRY_MS), Work::Desk(self.id, self.number));
    }

    /// The power went: what was being done is done again.
    pub(super) fn interrupted(&mut self, at: At, town: &mut Town) {
        if let Some(step) = self.doing.take() {
            self.steps.push_front(step);
            self.repeats = true;
            town.later(at.after_ms(RETRY_MS), Work::Desk(self.id, self.number));
        }
    }
}
