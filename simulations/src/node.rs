//! One simulated machine: the production core, a disk and a clock.

use ed25519_dalek::VerifyingKey;
use swabmesh_protocol::answer;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::{Epoch, FeedId, NodeKey};
use swabmesh_protocol::io::{Answer, Deadline, Input, Output, Query};
use swabmesh_protocol::project::Rules;
use swabmesh_protocol::replica::{Identity, Replica, RestoreError};
use swabmesh_protocol::restore::{self, Found};
use swabmesh_protocol::roster::Standing;
use swabmesh_protocol::time::{MS_PER_S, Mono, Now};
use swabmesh_protocol::view::ViewError;

use crate::chance::derive;
use crate::city::{AUTHORITY, City, NodeId};
use crate::clock::Clock;
use crate::disk::{BATCH_KEYS_MAX, Disk, Indexed};
use crate::queue::At;
use crate::signatures::Checked;

/// Epochs of one node are so far apart that no two nodes have one in common. Bits.
const EPOCH_SHIFT: u32 = 32;

/// Something in the simulation itself went wrong: a bug here or in the core, never a result.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Tables that only the core wrote cannot be read by it.
    #[error(transparent)]
    Tables(#[from] ViewError),
    /// A node's own certificate does not hold.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

/// One machine.
#[derive(Debug)]
pub struct Node {
    /// Its place in the city.
    pub id: NodeId,
    /// How often it was started: answers to an earlier life are dropped.
    pub life: u32,
    /// Its clock.
    pub clock: Clock,
    /// Its disk.
    pub disk: Disk,
    /// The moment its next deadline is scheduled for.
    pub deadline: Option<At>,
    /// Whether a batch of the index is under way.
    pub indexing: bool,
    /// Whether people are served: a machine that comes back brings its tables up to its journal first.
    pub serves: bool,
    /// How often its store was replaced: each begins another epoch.
    pub epochs: u64,
    /// The lifetime of its store, once that is another one than the first.
    pub epoch: Option<Epoch>,
    replica: Option<Replica>,
    started: At,
}

impl Node {
    /// A machine that was never switched on.
    #[must_use]
    pub fn new(id: NodeId, disk: Disk) -> Self {
        Self {
            id,
            life: 0,
            clock: Clock::default(),
            disk,
            deadline: None,
            indexing: false,
            serves: false,
            epochs: 0,
            epoch: None,
            replica: None,
            started: At(0),
        }
    }

    /// The lifetime of its store.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch.unwrap_or(Epoch((self.epochs << EPOCH_SHIFT) + self.id.0 as u64 + 1))
    }

    /// Who it is, in this life.
    #[must_use]
    pub fn identity(&self, city: &City, seed: u64) -> Option<Identity> {
        let citizen = city.citizen(self.id)?;
        Some(Identity {
            key: citizen.key.clone(),
            certificate: citizen.certificate.clone(),
            root: city.root.verifying_key(),
            epoch: self.epoch(),
            seed: derive(seed, &citizen.name, u64::from(self.life)),
            issuers: (self.id == AUTHORITY).then(|| city.issuer.clone()).into_iter().collect(),
        })
    }

    /// Switches it on: the core is restored from what the disk holds.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn start(&mut self, at: At, city: &City, seed: u64, checked: Checked) -> Result<Option<Found>, Broken> {
        self.life += 1;
        self.started = at;
        let Some(identity) = self.identity(city, seed) else { return Ok(None) };
        let mut found = restore::held(&identity, city.signed.clone(), self.disk.tables(), self.disk.frames())?;
        let held = std::mem::take(&mut found.held);
        (found.held.heads, found.held.branches) = (held.heads.clone(), held.branches.clone());
        let mut replica = Replica::restore(identity, held)?;
        replica.verify_with(Box::new(checked));
        self.replica = Some(replica);
        Ok(Some(found))
    }

    /// Switches it off.
    pub fn stop(&mut self) {
        self.replica = None;
        self.deadline = None;
        self.indexing = false;
        self.serves = false;
    }

    /// Whether it runs.
    #[must_use]
    pub const fn runs(&self) -> bool {
        self.replica.is_some()
    }

    /// The core, if it runs.
    #[must_use]
    pub const fn replica(&self) -> Option<&Replica> {
        self.replica.as_ref()
    }

    /// The two clocks.
    #[must_use]
    pub const fn now(&self, at: At) -> Now {
        Now { mono: Mono(at.since_ms(self.started)), wall: self.clock.wall(at) }
    }

    /// Hands the core an input and takes all outputs; none while it is off.
    pub fn handle(&mut self, at: At, input: Input) -> Vec<Output> {
        let now = self.now(at);
        let Some(replica) = &mut self.replica else { return Vec::new() };
        replica.handle(now, input);
        std::iter::from_fn(|| replica.next_output()).collect()
    }

    /// Outputs of restoring.
    pub fn first_outputs(&mut self) -> Vec<Output> {
        let Some(replica) = &mut self.replica else { return Vec::new() };
        std::iter::from_fn(|| replica.next_output()).collect()
    }

    /// When the core wants to be called, and why.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(At, Deadline)> {
        let deadline = self.replica.as_ref()?.next_deadline()?;
        Some((self.started.after_ms(deadline.0.0), deadline))
    }

    /// Applies a batch to the index.
    ///
    /// # Errors
    /// [`Broken::Tables`].
    pub fn index(&mut self, root: &VerifyingKey, checkpoint_batches: usize) -> Result<Option<Indexed>, Broken> {
        let Some(replica) = &self.replica else { return Ok(None) };
        let role_of = |writer: &NodeKey| role_of(replica, writer);
        let window_ms = replica.knowledge().policy.duplicate_window_s.saturating_mul(MS_PER_S);
        let prunes = self.id != AUTHORITY;
        let rules = Rules { window_ms, role_of: &role_of, keys_max: BATCH_KEYS_MAX, prunes };
        Ok(Some(self.disk.index(root, &rules, checkpoint_batches)?))
    }

    /// Reads what the core asks of the tables.
    ///
    /// # Errors
    /// [`Broken::Tables`].
    pub fn read(&self, query: &Query) -> Result<Answer, Broken> {
        Ok(answer::read(self.disk.tables(), query)?)
    }
}

/// The role of a writer, withdrawn or not.
#[must_use]
pub fn role_of(replica: &Replica, writer: &NodeKey) -> Option<Role> {
    match replica.standing(writer, &FeedId([0; 16])) {
        Standing::Enrolled(role) | Standing::WithdrawnAbove(_, role) => Some(role),
        Standing::Unknown => None,
    }
}
