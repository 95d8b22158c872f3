//! The authority's office: publishes who takes part, and issues codes.

use std::collections::{BTreeMap, VecDeque};

use swabmesh_protocol::code::OfKind;
use swabmesh_protocol::command::{Command, Issue, Published, Refusal, Reply};
use swabmesh_protocol::io::RequestId;

use super::{RETRY_MS, Town, Work};
use crate::city::{AUTHORITY, City};
use crate::queue::At;

/// Requests the office has open at a time.
const OPEN_MAX: usize = 16;
/// Days since 1970 in Shanghai on 9 April 2022.
const TODAY: u32 = 19_091;

/// One thing to do.
#[derive(Debug, Clone)]
enum Task {
    Certificate(Vec<u8>),
    SealKey,
    Issue(usize),
}

/// The office.
#[derive(Debug)]
pub(super) struct Office {
    to_do: VecDeque<Task>,
    open: BTreeMap<RequestId, Task>,
}

impl Office {
    pub(super) fn new(city: &City, residents: usize) -> Self {
        let certificates = city.citizens.iter().skip(1).map(|citizen| Task::Certificate(citizen.certificate.clone()));
        let to_do = certificates.chain([Task::SealKey]).chain((0..residents).map(Task::Issue)).collect();
        Self { to_do, open: BTreeMap::new() }
    }

    pub(super) fn close(&mut self) {
        self.to_do.retain(|task| !matches!(task, Task::Issue(_)));
    }

    /// Whether everybody's certificate is in the log.
    pub(super) fn is_done(&self) -> bool {
        self.to_do.is_empty()
    }

    pub(super) fn go_on(&mut self, _at: At, town: &mut Town) {
        while self.open.len() < OPEN_MAX
            && let Some(task) = self.to_do.pop_front()
        {
            let command = match &task {
                Task::Certificate(bytes) => Command::Publish(Published::Certificate(bytes.clone())),
                Task::SealKey => Command::PublishSealKey { day: TODAY, public: [9; 32] },
                Task::Issue(number) => {
                    let Some(resident) = town.residents.get(*number) else { continue };
                    Command::Issue(Box::new(Issue {
                        person: resident.person,
                        name: "张*".to_owned(),
                        document: 1,
                        last_four: resident.last_four.to_string(),
                        of_kind: OfKind::Static,
                    }))
                }
            };
            let request = town.ask(AUTHORITY, 0, command);
            self.open.insert(request, task);
        }
    }

    pub(super) fn reply(&mut self, at: At, request: RequestId, result: &Result<Reply, Refusal>, town: &mut Town) {
        let Some(task) = self.open.remove(&request) else { return };
        match (result, task) {
            (Ok(Reply::Issued { text, .. }), Task::Issue(number)) => {
                town.tally.issued += 1;
                if let Some(resident) = town.residents.get_mut(number) {
                    resident.code = Some(text.clone());
                }
            }
            (Ok(_), _) => {}
            (Err(_), task) => {
                self.to_do.push_back(task);
                town.later(at.after_ms(RETRY_MS), Work::Office);
                return;
            }
        }
        self.go_on(at, town);
    }

    pub(super) fn interrupted(&mut self, at: At, town: &mut Town) {
        let open = std::mem::take(&mut self.open);
        self.to_do.extend(open.into_values());
        town.later(at.after_ms(RETRY_MS), Work::Office);
    }
}
