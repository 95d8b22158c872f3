//! What a node asks of its disk, and what the disk answers.

use swabmesh_protocol::io::{Arrival, Input, PersistError, Query, RequestId};
use swabmesh_protocol::project::Placed;

use super::{Event, World};
use crate::checks::receipts;
use crate::city::{AUTHORITY, NodeId};
use crate::disk::{Answered, Pending, Span, opened};
use crate::node::Broken;

impl World {
    pub(super) fn persist(&mut self, id: NodeId, request: Option<RequestId>, own: bool, bytes: Vec<u8>) {
        let pending = Pending::new(request, own, bytes);
        if let Some(Span { feed, first, last, .. }) = pending.span() {
            let (feed, size) = (feed.short(), pending.bytes().len());
            self.line(id, format_args!("persist {feed} {}..{} {size} B", first.0, last.0));
            if own && id == AUTHORITY {
                let disk = self.nodes.get(id.0).map(|node| &node.disk);
                let early = disk.zip(opened(pending.bytes()));
                if let Some(what) = early.and_then(|(disk, chunk)| receipts::claimed_too_early(&chunk, disk)) {
                    self.violated(receipts::RECEIPT_RULE, id, what);
                }
            }
        }
        let starts = self.node_mut(id).is_some_and(|node| node.disk.persist(pending));
        if starts {
            self.start_sync(id);
        }
    }

    fn start_sync(&mut self, id: NodeId) {
        let [low, high] = self.scenario.disk.sync_ms;
        let done = self.at.after_ms(self.disk_chance.between(low, high));
        let Some(node) = self.node_mut(id) else { return };
        let life = node.life;
        if node.disk.start_sync() {
            self.schedule(done, Event::Synced(id, life));
        }
    }

    pub(super) fn synced(&mut self, id: NodeId, life: u32) -> Result<(), Broken> {
        if !self.is_life(id, life) {
            return Ok(());
        }
        let Some(node) = self.nodes.get_mut(id.0) else { return Ok(()) };
        let answers = node.disk.synced(&mut self.disk_chance);
        for Answered { request, arrival, feed } in answers {
            if let Some((feed, writer, through)) = feed {
                let own = self.city.citizen(id).is_some_and(|citizen| citizen.node == writer);
                if id == AUTHORITY {
                    self.history.held(self.at, &feed, through);
                } else if !own {
                    self.history.copied(&feed, through);
                }
            }
            let Some(request) = request else { continue };
            let result = arrival.ok_or(PersistError::Full);
            self.line(id, format_args!("synced {:?}", result.map(|arrival| arrival.0)));
            self.input(id, Input::Persisted { request, result })?;
        }
        self.start_sync(id);
        self.start_index(id);
        Ok(())
    }

    pub(crate) fn start_index(&mut self, id: NodeId) {
        let [low, high] = self.scenario.disk.index_ms;
        let done = self.at.after_ms(self.disk_chance.between(low, high));
        let Some(node) = self.node_mut(id) else { return };
        let life = node.life;
        node.serves |= !node.disk.is_behind();
        if !node.indexing && node.disk.is_behind() {
            node.indexing = true;
            self.schedule(done, Event::Index(id, life));
        }
    }

    pub(super) fn index(&mut self, id: NodeId, life: u32) -> Result<(), Broken> {
        if !self.is_life(id, life) {
            return Ok(());
        }
        let checkpoint_batches = self.scenario.disk.checkpoint_batches;
        let root = self.city.root.verifying_key();
        let Some(node) = self.nodes.get_mut(id.0) else { return Ok(()) };
        node.indexing = false;
        if let Some(indexed) = node.index(&root, checkpoint_batches)? {
            self.line(id, format_args!("indexed {}", indexed.through.0));
            for projected in indexed
                .projected
                .iter()
                .filter(|projected| !matches!(projected.placed, Placed::Applied | Placed::Partly { .. }))
            {
                self.line(id, format_args!("index {:?}", projected.placed));
            }
            self.input(id, Input::Indexed { through: indexed.through })?;
        }
        self.start_index(id);
        Ok(())
    }

    pub(super) fn load(&mut self, id: NodeId, request: RequestId, query: &Query) -> Result<(), Broken> {
        let [low, high] = self.scenario.disk.read_ms;
        let done = self.at.after_ms(self.disk_chance.between(low, high));
        let Some(node) = self.nodes.get(id.0) else { return Ok(()) };
        // Read now and told later: whatever happens in between, the core must not be confused by it.
        let (life, answer) = (node.life, node.read(query)?);
        self.schedule(done, Event::Read(id, life, request, answer));
        Ok(())
    }

    pub(super) fn release(&mut self, id: NodeId, through: Arrival) {
        let early = match (self.nodes.get(id.0), self.nodes.get(AUTHORITY.0)) {
            (Some(node), Some(authority)) => receipts::released_too_early(through, &node.disk, &authority.disk),
            _ => None,
        };
        if let Some(what) = early {
            self.violated(receipts::RELEASE_RULE, id, what);
        }
        if let Some(node) = self.node_mut(id) {
            node.disk.release(through);
        }
    }
}
