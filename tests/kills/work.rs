//! People at the three nodes, who work until they are sent home, and a ledger of what was answered to them.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Scope;
use std::time::Duration;

use serde_json::{Value, json};

use super::town::{Api, Kind, Town};

/// Time between two things one person does: leaves a slow machine time for the nodes.
const PACE: Duration = Duration::from_millis(4);
/// People in a tube.
const POOL: u64 = 5;

/// What was answered as done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answered {
    /// Tube and registration.
    pub(crate) registrations: BTreeSet<(String, String)>,
    /// Tubes that were sealed.
    pub(crate) sealed: Vec<String>,
    /// Tubes that were read.
    pub(crate) readings: BTreeSet<String>,
    /// Texts of codes.
    pub(crate) codes: BTreeSet<String>,
}

/// Shared by everybody who works.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Answered>);

impl Ledger {
    pub(crate) fn answered(&self) -> Answered {
        self.0.lock().unwrap().clone()
    }

    fn note(&self, write: impl FnOnce(&mut Answered)) {
        write(&mut self.0.lock().unwrap());
    }
}

/// Somebody at work. Dropped, they go home after what they are doing.
pub(crate) struct Shift {
    _works: SyncSender<()>,
}

/// Who is at work, at which node.
pub(crate) struct Worker<'a> {
    api: Api,
    ledger: &'a Ledger,
    home: Receiver<()>,
}

impl Shift {
    pub(crate) fn begin<'s, 'e>(
        scope: &'s Scope<'s, 'e>,
        town: &Town,
        at: Kind,
        work: fn(&Worker<'_>),
        ledger: &'e Ledger,
    ) -> Self {
        let (works, home) = sync_channel(0);
        let api = town.api(at);
        scope.spawn(move || work(&Worker { api, ledger, home }));
        Self { _works: works }
    }
}

impl Worker<'_> {
    /// Takes a breath; false when it is time to go home.
    fn goes_on(&self) -> bool {
        self.home.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout)
    }

    /// Asks for something, and asks again while nothing is answered; `None` when it is time to go home.
    ///
    /// What was done and not answered is done twice: then the second one counts.
    fn insist(&self, path: &str, body: &Value) -> Option<Value> {
        while self.goes_on() {
            if let Ok(answer) = self.api.post(path, body) {
                return Some(answer);
            }
        }
        None
    }
}

fn passport(series: char, number: u64) -> Value {
    json!({ "type": 2, "number": format!("{series}{number:07}"), "state": "UTO", "name": "ANNA ERIKSSON" })
}

/// At the site: fills tubes and seals them; each fifth person is the infant of the one before.
pub(crate) fn register(worker: &Worker<'_>) {
    for number in 0.. {
        let tube = format!("T{number}");
        if worker.api.post("/tubes", &json!({ "tube": tube, "pool": POOL, "operator": "op1" })).is_err() {
            // Perhaps it was opened and not answered: another barcode is at hand.
            if worker.goes_on() { continue } else { return }
        }
        let mut parent = Value::Null;
        for person in 0..POOL {
            let document = match person {
                4 => {
                    let guardian = json!({ "person": parent, "name": "ANNA ERIKSSON", "relation": "mother" });
                    json!({ "type": 8, "born": "2022-03-01", "guardian": guardian })
                }
                person => passport('X', number * POOL + person),
            };
            // A reason, for whoever was registered already without an answer.
            let body = json!({ "tube": tube, "operator": "op1", "document": document, "reason": "no answer before" });
            let Some(judged) = worker.insist("/registrations", &body) else { return };
            if let Some(registration) = judged["registration"].as_str() {
                parent = judged["person"].clone();
                worker.ledger.note(|answered| {
                    answered.registrations.insert((tube.clone(), registration.to_owned()));
                });
            }
        }
        let sealed = worker.api.post(&format!("/tubes/{tube}/seal"), &json!({ "operator": "op1", "not_full": true }));
        if sealed.is_ok() {
            worker.ledger.note(|answered| answered.sealed.push(tube));
        }
    }
}

/// At the laboratory: reads every tube that was sealed, whether or not the laboratory has heard of it.
pub(crate) fn read(worker: &Worker<'_>) {
    let mut next = 0;
    while worker.goes_on() {
        let Some(tube) = worker.ledger.answered().sealed.get(next).cloned() else { continue };
        let body = json!({ "tube": tube, "outcome": "negative", "stage": "final", "operator": "lab1" });
        if worker.insist("/results", &body).is_none() {
            return;
        }
        worker.ledger.note(|answered| {
            answered.readings.insert(tube);
        });
        next += 1;
    }
}

/// At the authority: issues a code to one resident after the other.
pub(crate) fn issue(worker: &Worker<'_>) {
    for number in 0.. {
        let body = json!({ "kind": "static", "document": passport('Y', number) });
        // Asked for again after no answer, the code before is dead: this one was answered.
        let Some(issued) = worker.insist("/codes", &body) else { return };
        worker.ledger.note(|answered| {
            answered.codes.extend(issued["text"].as_str().map(str::to_owned));
        });
    }
}
