//! What a bundle should have held, against what was read of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Manifest;
use crate::id::{FeedId, NodeKey, SeqNo};

/// A stretch of a feed that the manifest lists and that was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The feed.
    pub feed: FeedId,
    /// Its writer.
    pub writer: NodeKey,
    /// The first entry missing.
    pub from: SeqNo,
    /// The last entry missing.
    pub to: SeqNo,
}

/// What was read of each feed the manifest lists.
#[derive(Debug, Default)]
pub struct Survey {
    feeds: BTreeMap<FeedId, Feed>,
}

#[derive(Debug)]
struct Feed {
    writer: NodeKey,
    listed: (SeqNo, SeqNo),
    read: Stretches,
}

/// Stretches of numbers, by the first of each; they do not touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stretches(BTreeMap<SeqNo, SeqNo>);

impl Stretches {
    /// Adds `first..=last`.
    pub fn add(&mut self, mut first: SeqNo, mut last: SeqNo) {
        if let Some((&before, &end)) = self.0.range(..=first).next_back()
            && end.next() >= first
        {
            (first, last) = (before, last.max(end));
        }
        while let Some((&after, &end)) = self.0.range(first..=last.next()).next() {
            self.0.remove(&after);
            last = last.max(end);
        }
        self.0.insert(first, last);
    }

    /// What of `from..=to` is not among them.
    pub fn gaps(&self, from: SeqNo, to: SeqNo) -> impl Iterator<Item = (SeqNo, SeqNo)> {
        let ends = self.0.iter().map(|(first, last)| (*first, last.next()));
        // One more behind the last number, so that what is missing before it is told.
        let mut next = from;
        ends.chain([(to.next(), to.next())]).filter_map(move |(first, after)| {
            let gap = (next, SeqNo(first.0.saturating_sub(1)).min(to));
            next = next.max(after);
            (gap.0 <= gap.1).then_some(gap)
        })
    }
}

impl Survey {
    /// Takes up what a manifest lists.
    pub fn expect(&mut self, manifest: &Manifest) {
        for line in &manifest.lines {
            let (writer, listed) = (line.header.writer, (line.from, line.to));
            let feed = self.feeds.entry(line.header.id());
            // Histories above a cut have their feed's numbers.
            feed.and_modify(|feed| feed.listed = (feed.listed.0.min(line.from), feed.listed.1.max(line.to)))
                .or_insert_with(|| Feed { writer, listed, read: Stretches::default() });
        }
    }

    /// Entries of a feed were read, and verified.
    pub fn read(&mut self, feed: &FeedId, first: SeqNo, last: SeqNo) {
        if let Some(feed) = self.feeds.get_mut(feed) {
            feed.read.add(first, last);
        }
    }

    /// What is missing, feed by feed.
    #[must_use]
    pub fn missing(&self) -> Vec<Missing> {
        let of_feed = |(id, feed): (&FeedId, &Feed)| {
            let (feed_id, writer, (from, to)) = (*id, feed.writer, feed.listed);
            let missing = feed.read.gaps(from, to).map(move |(from, to)| Missing { feed: feed_id, writer, from, to });
            missing.collect::<Vec<_>>()
        };
        self.feeds.iter().flat_map(of_feed).collect()
    }
}
