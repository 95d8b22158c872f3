//! The counter: takes orders from a bounded queue, answers from the shelf, and has the rest issued together.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use swabmesh_node::clock;
use swabmesh_node::http::Shell;
use swabmesh_protocol::command::{Command, Issue, NewText, Reply};
use swabmesh_protocol::id::Person;
use swabmesh_protocol::limits::ISSUE_MANY_MAX;
use swabmesh_protocol::trust::TrustList;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::shelf::{self, Judged, Shelved};
use super::{Issued, NotIssued, Order};
use crate::registry::Registry;
use crate::residents::{Resident, Residents};

/// Orders that may wait; more are shed. A fifth of a second at 10,000 a second.
pub const QUEUE_ORDERS_MAX: usize = 2_048;

/// Commands under way in the core: while one is written, the next is signed. Source: `swabmesh bench issue`.
const COMMANDS_MAX: usize = 4;

/// How long an order may have waited before it is shed instead of answered: whoever asked has given up by then. Source: guess.
const WAITED_MAX: Duration = Duration::from_secs(3);

/// How old what is known of the issuing keys may be.
const TRUST_AGE_MAX: Duration = Duration::from_secs(1);

type Answer = oneshot::Sender<Result<Issued, NotIssued>>;

struct Waiting {
    order: Order,
    since: Instant,
    answer: Answer,
}

/// What the counter has done since the start.
#[derive(Debug, Default)]
pub struct Tally {
    /// Codes issued.
    pub issued: AtomicU64,
    /// Codes given out again.
    pub again: AtomicU64,
    /// Orders shed.
    pub shed: AtomicU64,
    /// Orders refused.
    pub refused: AtomicU64,
}

/// Where orders are handed in. Clones share the queue.
#[derive(Debug, Clone)]
pub struct Counter {
    queue: mpsc::Sender<Waiting>,
    tally: Arc<Tally>,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("order", &self.order).finish_non_exhaustive()
    }
}

impl Counter {
    /// Opens the counter; its thread ends with the last handle.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn open(shell: Shell, registry: Registry, residents: Residents) -> std::io::Result<Self> {
        let (queue, orders) = mpsc::channel(QUEUE_ORDERS_MAX);
        let tally = Arc::new(Tally::default());
        let clerk = Clerk {
            desk: Arc::new(Desk { shell, registry, under_way: Mutex::default() }),
            residents,
            room: Arc::new(Semaphore::new(COMMANDS_MAX)),
            trust: (None, Instant::now()),
        };
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new().name("issuing".to_owned()).spawn(move || runtime.block_on(clerk.serve(orders)))?;
        Ok(Self { queue, tally })
    }

    /// Whether an order would be shed.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.queue.capacity() == 0
    }

    /// Counts an order that was shed before it was read.
    pub fn shed(&self) {
        self.tally.shed.fetch_add(1, Relaxed);
    }

    /// Orders waiting.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// What was done since the start.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Hands an order in and waits for the answer.
    ///
    /// # Errors
    /// [`NotIssued`]; with [`NotIssued::Crowd`] at once, when the queue is full.
    pub async fn ask(&self, order: Order) -> Result<Issued, NotIssued> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { order, since: Instant::now(), answer };
        let handed_in = self.queue.try_send(waiting).map_err(|_| NotIssued::Crowd);
        let result = match handed_in {
            Ok(()) => answered.await.unwrap_or(Err(NotIssued::Crowd)),
            Err(crowd) => Err(crowd),
        };
        let count = match &result {
            Ok(issued) if issued.again => &self.tally.again,
            Ok(_) => &self.tally.issued,
            Err(NotIssued::Crowd) => &self.tally.shed,
            Err(_) => &self.tally.refused,
        };
        count.fetch_add(1, Relaxed);
        result
    }
}

/// Person, kind, and what binds the code: who asks twice meanwhile waits for the same code.
type Place = (Person, u8, Vec<u8>);

fn place(order: &Order) -> Place {
    (order.person, order.of_kind.kind().number(), shelf::bound_to(&order.of_kind))
}

/// What the commands under way share.
struct Desk {
    shell: Shell,
    registry: Registry,
    under_way: Mutex<BTreeMap<Place, Vec<Answer>>>,
}

/// Serves the queue.
struct Clerk {
    desk: Arc<Desk>,
    residents: Residents,
    room: Arc<Semaphore>,
    trust: (Option<TrustList>, Instant),
}

type Batch = Vec<(Order, Resident)>;

impl Clerk {
    async fn serve(mut self, mut orders: mpsc::Receiver<Waiting>) {
        let mut waiting = Vec::with_capacity(ISSUE_MANY_MAX);
        loop {
            // Whoever comes while all commands are under way goes into the next one.
            let Ok(room) = Arc::clone(&self.room).acquire_owned().await else { return };
            if orders.recv_many(&mut waiting, ISSUE_MANY_MAX).await == 0 {
                return;
            }
            let trust = self.trust().await;
            // Reading may wait for the disk; this thread is for that.
            let batch = self.sort(waiting.drain(..), &trust);
            if batch.is_empty() {
                continue;
            }
            let desk = Arc::clone(&self.desk);
            tokio::spawn(async move {
                desk.issue(batch).await;
                drop(room);
            });
        }
    }

    async fn trust(&mut self) -> TrustList {
        if self.trust.0.is_none() || self.trust.1.elapsed() > TRUST_AGE_MAX {
            // A node that is stopping says nothing: nothing is given out again.
            let trust = self.desk.shell.look(|replica| replica.knowledge().trust.clone()).await.ok();
            self.trust = (trust, Instant::now());
        }
        self.trust.0.clone().unwrap_or_default()
    }

    /// Answers whom it can; gives back what is to be issued.
    fn sort(&self, waiting: impl Iterator<Item = Waiting>, trust: &TrustList) -> Batch {
        let at = Judged { now: clock::wall(), trust };
        let mut batch = Batch::new();
        for Waiting { order, since, answer } in waiting {
            if answer.is_closed() || since.elapsed() > WAITED_MAX {
                let _ = answer.send(Err(NotIssued::Crowd));
                continue;
            }
            match self.judge(&order, &at) {
                Ok((_, Some(issued))) => drop(answer.send(Ok(issued))),
                Ok((resident, None)) => {
                    if self.desk.queue_up(&order, answer) {
                        batch.push((order, resident));
                    }
                }
                Err(not_issued) => drop(answer.send(Err(not_issued))),
            }
        }
        batch
    }

    fn judge(&self, order: &Order, at: &Judged<'_>) -> Result<(Resident, Option<Issued>), NotIssued> {
        let resident = self.residents.get(order.person)?.ok_or(NotIssued::Unknown)?;
        if order.renew {
            return Ok((resident, None));
        }
        let found = shelf::find(&self.desk.registry, self.desk.shell.node().view(), order, at)?;
        let issued = found.map(|shelved| told(order.person, &resident, &shelved, None, true));
        Ok((resident, issued))
    }
}

fn told(
    person: Person,
    resident: &Resident,
    shelved: &Shelved,
    replaced: Option<swabmesh_protocol::id::CodeId>,
    again: bool,
) -> Issued {
    Issued {
        text: shelved.text(),
        code: shelved.code,
        person,
        name: resident.name.clone(),
        last_four: resident.last_four.clone(),
        issued_at: shelved.issued_at,
        expires_at: shelved.expires_at,
        again,
        replaced,
    }
}

impl Desk {
    /// Whether this is the first who asks for it; others wait with the first.
    fn queue_up(&self, order: &Order, answer: Answer) -> bool {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = under_way.entry(place(order)).or_default();
        waiting.push(answer);
        waiting.len() == 1
    }

    async fn issue(&self, batch: Batch) {
        let command = |(order, resident): &(Order, Resident)| Issue {
            person: order.person,
            name: resident.name.clone(),
            document: resident.document,
            last_four: resident.last_four.clone(),
            of_kind: order.of_kind,
        };
        let orders = batch.iter().map(command).collect();
        let results = match self.shell.node().command(Command::IssueMany(orders)).await {
            Ok(Reply::IssuedMany(codes)) => self.shelve(&batch, codes).await,
            Ok(Reply::Verdict(_) | Reply::Done { .. } | Reply::Issued { .. }) => {
                vec![Err(NotIssued::Registry); batch.len()]
            }
            Err(refusal) => vec![Err(NotIssued::Refused(refusal)); batch.len()],
        };
        for ((order, _), result) in batch.iter().zip(results) {
            let waiting = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&place(order));
            for answer in waiting.into_iter().flatten() {
                let _ = answer.send(result.clone());
            }
        }
    }

    async fn shelve(
        &self,
        batch: &Batch,
        codes: Vec<Result<NewText, swabmesh_protocol::code::issue::IssueError>>,
    ) -> Vec<Result<Issued, NotIssued>> {
        let (mut rows, mut results) = (Vec::new(), Vec::new());
        for ((order, resident), code) in batch.iter().zip(codes) {
            results.push(code.map_err(NotIssued::Field).and_then(|new| {
                let times = (new.issued_at, new.expires_at);
                let shelved = Shelved::new(&new.text, new.code, times, &order.of_kind).ok_or(NotIssued::Registry)?;
                rows.push(shelved.row(order.person, order.of_kind.kind().number()));
                Ok(told(order.person, resident, &shelved, new.replaced, false))
            }));
        }
        // A text that is not on the shelf is still a valid code: only the next question costs a new one.
        if let Err(error) = self.registry.note(rows).await {
            tracing::warn!(%error, "texts of codes were not kept");
        }
        results
    }
}
