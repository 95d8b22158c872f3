//! Forks and withdrawals: what is suspected, proved, cut, and kept above the cut (rules N2, N3).

use super::{Purpose, Replica};
use crate::chunk::{OpenedChunk, SealedChunk};
use crate::cuts::{self, Known, Placed};
use crate::exchange::frame::Want;
use crate::fact::{Fact, ForkProof, Withdrawn};
use crate::fork::{self, Divergence, Parting, Side, branch};
use crate::frontier::Head;
use crate::id::{FeedHeader, FeedId, FeedShort, Hash, SeqNo};
use crate::io::{Arrival, LinkId, Notice, Output, Query, RequestId};
use crate::limits::SUSPECT_STRAYS_MAX;
use crate::merge::MergeRefusal;
use crate::time::{Now, Stamp};

/// A question about a chunk that does not fit the history held here.
#[derive(Debug)]
pub(super) struct Suspicion {
    link: Option<LinkId>,
    /// The import that brought it.
    import: Option<RequestId>,
    header: FeedHeader,
    range: Want,
    /// The name under which the peer was asked for it.
    asked: FeedShort,
    /// The last entry held of the feed.
    tip: SeqNo,
}

/// A peer whose history of a feed is not ours, while it is asked since when, or for what proves it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suspect {
    pub(super) link: LinkId,
    parting: Option<Parting>,
    /// Chunks that came from elsewhere since it was asked where both are signed.
    strays: u8,
}

impl Suspect {
    const fn new(link: LinkId, parting: Option<Parting>) -> Self {
        Self { link, parting, strays: 0 }
    }
}

impl Replica {
    /// Whether a peer's history of a feed is being looked into.
    pub(super) fn is_suspect(&self, feed: &FeedId, link: LinkId) -> bool {
        self.suspects.get(feed).is_some_and(|suspect| suspect.link == link)
    }

    /// Where a feed is cut, if it is: what lies from there on has other names.
    #[must_use]
    pub fn cut_at(&self, feed: &FeedId) -> Option<SeqNo> {
        self.cuts.get(feed).map(|cut| cut.from)
    }

    /// Judges a chunk of a feed that is cut; `None` when the feed is not.
    pub(super) fn place(&self, sealed: &SealedChunk) -> Option<Result<Placed, MergeRefusal>> {
        self.place_behind(sealed, |id| self.tips.of(id))
    }

    /// Where a chunk belongs that is on disk now and whose feed was cut while it was on the way: behind what is durable,
    /// as what was ahead of that is this chunk itself.
    pub(super) fn place_on_disk(&self, sealed: &SealedChunk) -> Option<Placed> {
        self.place_behind(sealed, |id| self.tips.durable.get(id).map(|head| (head.seq, head.hash)))?.ok()
    }

    fn place_behind(
        &self,
        sealed: &SealedChunk,
        tip_of: impl Fn(&FeedId) -> Option<(SeqNo, Hash)>,
    ) -> Option<Result<Placed, MergeRefusal>> {
        let feed = sealed.header().id();
        let cut = self.cuts.get(&feed)?;
        if self.unsplit.contains(&feed) {
            // Which history is held here is being looked up: whoever sent this sends it again.
            return Some(Err(MergeRefusal::Gap { expected: cut.from, first: sealed.first() }));
        }
        Some(cuts::place(sealed, cut, Known { tip_of: &tip_of, verifier: &*self.verifier }))
    }

    /// Notes where a placed chunk leads before it is on disk.
    pub(super) fn ahead(&mut self, placed: &Placed) {
        let feed = placed.chunk.header.id();
        if let Some(tip) = placed.stem {
            self.tips.ahead.insert(feed, tip);
        }
        if let Some(id) = placed.branch {
            self.tips.ahead.insert(id, (placed.chunk.checkpoint.seq, placed.chunk.checkpoint.head));
            self.cuts.grow(&feed, id, placed.stem.map(|(_, hash)| hash));
        }
    }

    /// A chunk of a cut feed is on disk.
    pub(super) fn durable_above(&mut self, now: Now, placed: &Placed, from: &[LinkId], arrival: Arrival) {
        let chunk = &placed.chunk;
        let (header, last) = (chunk.header, chunk.checkpoint.seq);
        let feed = header.id();
        let stamp = chunk.entries.last().map_or(Stamp::default(), |entry| entry.stamp);
        let head = |(seq, hash)| Head { header, seq, hash, stamp, signature: chunk.checkpoint.signature, arrival };
        let tip = (last, chunk.checkpoint.head);
        for (id, tip) in placed.stem.map(|tip| (feed, tip)).into_iter().chain(placed.branch.map(|id| (id, tip))) {
            if self.tips.ahead.get(&id).is_some_and(|(ahead, _)| *ahead <= tip.0) {
                self.tips.ahead.remove(&id);
            }
            self.tips.durable.set_as(id, head(tip));
            self.exchange.durable(now, None, id.short(), header.lane, tip.0);
            if let Some(receipting) = &mut self.receipting {
                receipting.durable(now.mono, header.lane, id, tip.0);
            }
        }
        self.exchange.durable(now, from.first().copied(), feed.short(), header.lane, last);
        for link in from {
            self.exchange.acknowledge(*link, feed.short(), last);
            placed.branch.into_iter().for_each(|id| self.exchange.acknowledge(*link, id.short(), last));
        }
    }

    /// A chunk says another history than the one held: the tables tell since when.
    pub(super) fn suspect(&mut self, link: Option<LinkId>, sealed: SealedChunk, tip: SeqNo) {
        self.compare((link, None), sealed, tip);
    }

    /// Asks the tables how a chunk lies to what is held of its feed up to `tip`.
    pub(super) fn compare(
        &mut self,
        (link, import): (Option<LinkId>, Option<RequestId>),
        sealed: SealedChunk,
        tip: SeqNo,
    ) {
        let header = *sealed.header();
        let range = Want { feed: header.id().short(), from: sealed.first(), to: sealed.last() };
        let asked = link.map_or(range.feed, |link| self.asked_as(link, &sealed));
        let suspect = self.suspects.get(&header.id()).filter(|suspect| Some(suspect.link) == link);
        let parting = suspect.and_then(|suspect| suspect.parting).filter(|parting| parting.meet == range.from);
        let purpose = Purpose::Diverge(Suspicion { link, import, header, range, asked, tip });
        self.ask(purpose, Query::Diverge { chunk: sealed.into_bytes(), parting });
    }

    /// The tables compared.
    pub(super) fn compared(&mut self, now: Now, suspicion: Suspicion, divergence: Divergence) {
        let Suspicion { link, import, header, range, asked, tip } = suspicion;
        let untaken = Want { feed: asked, ..range };
        let feed = header.id();
        self.import_compared(import, range, &divergence);
        if let Some(link) = link.filter(|_| !matches!(divergence, Divergence::Forked(_)))
            && let Some(meet) = self.stray(&feed, link, range.from)
        {
            self.exchange.refused(now, link, untaken);
            self.ask_to_meet(now, link, range.feed, meet);
            return;
        }
        match (divergence, link) {
            (Divergence::Forked(proof), link) => {
                self.suspects.remove(&feed);
                self.state(now, *proof);
                link.into_iter().for_each(|link| self.exchange.refused(now, link, untaken));
            }
            (Divergence::Agrees, Some(link)) if self.is_suspect(&feed, link) => {
                // A chunk may lead beyond what is held, or be another one than was asked for: that much is not held here.
                let agreed = self.height(&feed).min(range.to);
                if agreed >= range.from {
                    self.exchange.arrived(now, link, range.feed, agreed);
                    self.exchange.acknowledge(link, range.feed, agreed);
                } else {
                    self.exchange.refused(now, link, untaken);
                }
            }
            (Divergence::Below { from }, Some(link)) if !self.suspects.contains_key(&feed) => {
                self.suspects.insert(feed, Suspect::new(link, None));
                self.exchange.refused(now, link, untaken);
                self.exchange.reread(now.mono, link, Want { feed: range.feed, from, to: tip });
            }
            (Divergence::Unprovable { parting: Some(parting), .. }, link) if header.writer == self.own.node => {
                self.suspects.remove(&feed);
                self.prove_own(now, header, &parting);
                link.into_iter().for_each(|link| self.exchange.refused(now, link, untaken));
            }
            (Divergence::Unprovable { from, parting: Some(parting) }, Some(link)) => {
                self.outputs.push_back(Output::Notice(Notice::Fork { feed, seq: from }));
                self.suspects.insert(feed, Suspect::new(link, Some(parting)));
                self.exchange.refused(now, link, untaken);
                self.ask_to_meet(now, link, range.feed, parting.meet);
            }
            (Divergence::Unprovable { from, .. }, link) => {
                self.suspects.remove(&feed);
                self.outputs.push_back(Output::Notice(Notice::Fork { feed, seq: from }));
                link.into_iter().for_each(|link| self.exchange.refused(now, link, untaken));
            }
            (Divergence::Agrees | Divergence::Below { .. } | Divergence::Behind, link) => {
                self.suspects.remove(&feed);
                link.into_iter().for_each(|link| self.exchange.refused(now, link, untaken));
            }
        }
    }

    /// Asks a peer for what its history holds from a signed entry of ours on.
    fn ask_to_meet(&mut self, now: Now, link: LinkId, feed: FeedShort, meet: SeqNo) {
        self.exchange.reread(now.mono, link, Want { feed, from: meet, to: meet });
    }

    /// Where a peer was asked for what proves a fork, if this is a chunk that it sent before it heard so.
    fn stray(&mut self, feed: &FeedId, link: LinkId, from: SeqNo) -> Option<SeqNo> {
        let suspect = self.suspects.get_mut(feed).filter(|suspect| suspect.link == link)?;
        let meet = suspect.parting?.meet;
        suspect.strays = suspect.strays.saturating_add(1);
        (meet != from && suspect.strays <= SUSPECT_STRAYS_MAX).then_some(meet)
    }

    /// States that a feed of ours has two histories: whoever has the key can sign both where they part, as it signed what
    /// follows in both.
    fn prove_own(&mut self, now: Now, header: FeedHeader, parting: &Parting) {
        let Parting { from, stem, firsts, .. } = *parting;
        let sides =
            firsts.map(|first| Side { first, checkpoint: self.append.sign(&header.id(), from, first), entries: &[] });
        fork::prove(header, from, stem, sides).into_iter().for_each(|proof| self.state(now, proof));
    }

    /// States a proof, unless one of the same feed that cuts as low is known or on its way.
    fn state(&mut self, now: Now, proof: ForkProof) {
        let (feed, from, lane) = (proof.header().id(), proof.from, proof.lane);
        let known = self.cuts.get(&feed).is_some_and(|cut| cut.forked && cut.from <= from);
        if !known && !self.is_withdrawn() && self.stated.insert(feed) {
            self.outputs.push_back(Output::Notice(Notice::Fork { feed, seq: from }));
            if self.append.is_own(&proof.header()) {
                self.renew();
            }
            self.append_fact(now, lane, proof.into(), None);
        }
    }

    /// What a fact means for where feeds end.
    pub(super) fn cut_by(&mut self, fact: &Fact) {
        if let Fact::ForkProof(proof) = fact
            && fork::verify(proof).is_ok()
        {
            self.cut(proof.header(), proof.from, Some(proof.stem), true);
        } else if let Fact::Withdrawn(Withdrawn { node, .. }) = fact {
            let of_node = self.tips.durable.feeds_of(node);
            let headers: Vec<FeedHeader> = of_node.map(|(_, head)| head.header).collect();
            headers.iter().for_each(|header| self.cut_withdrawn(header));
        }
    }

    /// Cuts a feed of a withdrawn node above its mark; others stay as they are.
    pub(super) fn cut_withdrawn(&mut self, header: &FeedHeader) {
        if let crate::roster::Standing::WithdrawnAbove(mark, _) =
            self.control.roster.standing(&header.writer, &header.id())
        {
            self.cut(*header, mark.next(), None, false);
        }
    }

    fn cut(&mut self, header: FeedHeader, from: SeqNo, stem: Option<Hash>, forked: bool) {
        if self.append.is_own(&header) && forked {
            self.renew();
        }
        let feed = header.id();
        let held = self.tips.durable.get(&feed).is_some_and(|head| head.seq >= from);
        if !self.cuts.learn(header, from, stem, forked) {
            return;
        }
        if held {
            self.unsplit.insert(feed);
            self.ask(Purpose::Split(feed), Query::Cut { feed, from });
        } else if self.tips.ahead.get(&feed).is_some_and(|(ahead, _)| *ahead >= from) {
            // What is on its way to the disk leads above the cut: where it belongs is told when it is there.
            self.tips.ahead.remove(&feed);
        }
    }

    /// The tables may reach cuts that they did not reach when asked before.
    pub(super) fn ask_unsplit(&mut self) {
        let waiting: Vec<(FeedId, SeqNo)> =
            self.unsplit.iter().filter_map(|feed| self.cuts.get(feed).map(|cut| (*feed, cut.from))).collect();
        for (feed, from) in waiting {
            self.ask(Purpose::Split(feed), Query::Cut { feed, from });
        }
    }

    /// What is held of a feed above its cut gets a name of its own.
    pub(super) fn split(&mut self, now: Now, feed: FeedId, at_cut: Option<(Hash, Hash)>) {
        let (Some((stem, first)), Some(cut)) = (at_cut, self.cuts.get(&feed).cloned()) else { return };
        if !self.unsplit.remove(&feed) {
            return;
        }
        let Some(head) = self.tips.durable.get(&feed).copied().filter(|head| head.seq >= cut.from) else { return };
        let id = branch(&feed, &first);
        self.cuts.grow(&feed, id, Some(stem));
        self.copies.renamed(feed, cut.from, id);
        self.release_receipted();
        self.tips.durable.remove(&feed);
        if let Some(tip) = self.tips.ahead.remove(&feed) {
            self.tips.ahead.insert(id, tip);
        }
        if cut.from.0 > 1 {
            self.tips.durable.set_as(feed, Head { seq: cut.stands(), hash: stem, ..head });
        }
        self.tips.durable.set_as(id, head);
        if let Some(receipting) = &mut self.receipting {
            receipting.durable(now.mono, head.header.lane, id, head.seq);
        }
        self.exchange.durable(now, None, id.short(), head.header.lane, head.seq);
    }

    /// The entries of a chunk that stand.
    pub(super) fn standing_entries<'c>(&self, chunk: &'c OpenedChunk) -> &'c [crate::entry::Entry] {
        let cut = self.cuts.get(&chunk.header.id());
        let stands = cut.map_or(chunk.entries.len(), |cut| chunk.entries.partition_point(|entry| entry.seq < cut.from));
        chunk.entries.get(..stands).unwrap_or_default()
    }
}
