//! What a node says of itself: to its operator, its metrics and its tests.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Replica;
use crate::copies::Counts;
use crate::exchange::session::{Agreed, Open};
use crate::fact::{Role, SealKey};
use crate::frontier::Lanes;
use crate::id::{Epoch, FeedId, Hash, Lane, NodeKey, SeqNo};
use crate::io::{Arrival, LinkId};
use crate::time::{Now, Wall};

/// A node's state at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its key.
    pub node: NodeKey,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its cell.
    pub lane: Lane,
    /// The lifetime of its store.
    pub epoch: Epoch,
    /// Where its own registrations are.
    pub own: Counts,
    /// Connections.
    pub peers: Vec<PeerStatus>,
    /// Feeds held.
    pub feeds: u64,
    /// Entries held.
    pub entries: u64,
    /// Chunks on disk.
    pub arrivals: u64,
    /// Chunks the tables reflect.
    pub indexed: u64,
    /// One hash over everything held of the lanes that travel.
    pub root: Hash,
    /// Ages of the status lists.
    pub lists: Vec<ListAge>,
    /// Version of the policy.
    pub policy_version: u64,
    /// Version of the trust list.
    pub trust_version: u64,
    /// Milliseconds the peers' clocks are ahead, their median.
    pub clock_offset_ms: i64,
    /// Whether the clock cannot be believed.
    pub clock_doubtful: bool,
    /// The key that details are sealed to: its day and itself.
    #[serde(skip)]
    pub seal_key: Option<SealKey>,
    /// Its certificate.
    pub certificate: Validity,
    /// Whether the authority withdrew this node: it takes no more commands.
    pub withdrawn: bool,
    /// Nodes enrolled, as far as known here.
    pub enrolled: u64,
    /// Members heard of whose certificates should have been renewed; counted by the authority alone.
    pub renewals_late: u64,
    /// Feeds with two histories.
    pub forks: u64,
    /// Entries that are kept and do not count, unless the authority decided that they do: above a fork or a withdrawal.
    pub quarantined: u64,
}

/// A status list's age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ListAge {
    /// Its number.
    pub list: u32,
    /// As of when, seconds since 1970 UTC.
    pub issued_at: u64,
    /// Seconds since.
    pub age_s: u64,
    /// Whether that is too old to be silent about.
    pub stale: bool,
}

/// How long a node's certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Validity {
    /// Until when, seconds since 1970 UTC.
    pub until: u64,
    /// Seconds until then; 0 once it has ended.
    pub left_s: u64,
    /// Whether half of the time in which it should have been renewed is over.
    pub late: bool,
}

/// What one of two nodes holds and the other does not, as far as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, serde::Deserialize)]
pub struct Missing {
    /// Feeds.
    pub feeds: u64,
    /// Entries.
    pub entries: u64,
    /// Bytes on the wire, about: entries times what one takes in a batch.
    pub bytes: u64,
}

impl Missing {
    /// Whether nothing is missing.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.feeds == 0 && self.entries == 0
    }
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeerStatus {
    /// The connection.
    #[serde(skip)]
    pub link: LinkId,
    /// The peer.
    pub node: NodeKey,
    /// Its name, if known.
    pub name: String,
    /// Its role; absent until it showed its certificate.
    pub role: Option<Role>,
    /// The version of the protocol both speak; absent until then.
    pub version: Option<u8>,
    /// Since when it is connected, by this node's clock.
    pub connected_since: Wall,
    /// When roots were equal last, if nothing more is wanted since.
    pub in_sync_since: Option<Wall>,
    /// Whether something changed here or there since roots were equal.
    pub changed_since: bool,
    /// Since when something is missing on either side.
    pub behind_since: Option<Wall>,
    /// What the peer holds and we do not.
    pub missing_here: Missing,
    /// What the peer asked for and has not acknowledged as durable.
    pub missing_there: Missing,
    /// Feeds of the peer's that are kept apart here: forked, or of a withdrawn writer.
    pub set_aside: u64,
    /// Bytes sent and not acknowledged as durable.
    pub unacked_bytes: u64,
}

/// A node that is not connected, as it was when roots were equal last in this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastAgreed {
    /// The node.
    pub node: NodeKey,
    /// When roots were equal.
    pub at: Wall,
    /// What came since and the node may not have: at most this.
    pub missing_there: Missing,
}

/// Bytes of an entry on the wire, in batches. Source: `bench heal` measures 37.
const ENTRY_BYTES: u64 = 40;

impl Replica {
    /// The node's state.
    #[must_use]
    pub fn status(&self, now: Now) -> Status {
        let clock = self.clock();
        let now_s = clock.agreed(now.wall).seconds();
        let stale_after_s = self.control.knowledge.policy.list_stale_after_s;
        let list = |(list, state): (u32, &crate::status::StatusList)| {
            let age_s = now_s.saturating_sub(state.issued_at_s());
            ListAge { list, issued_at: state.issued_at_s(), age_s, stale: age_s > stale_after_s }
        };
        Status {
            node: self.own.node,
            name: self.own.name.to_string(),
            role: self.own.role,
            lane: self.own.lane,
            epoch: self.append.epoch(),
            own: self.copies.counts(),
            peers: self.peers(),
            feeds: self.tips.durable.len() as u64,
            entries: self.entries(),
            arrivals: self.arrived().0,
            indexed: self.indexed.0,
            root: self.tips.durable.root(&Lanes::All),
            lists: self.control.knowledge.status.iter().map(list).collect(),
            policy_version: self.control.knowledge.policy.version,
            trust_version: self.control.knowledge.trust.version(),
            clock_offset_ms: clock.offset_ms,
            clock_doubtful: clock.is_doubtful(now.wall),
            seal_key: self.control.seal_key.clone(),
            certificate: Validity {
                until: self.own.until,
                left_s: self.own.left_s(now_s),
                late: self.own.is_late(now_s),
            },
            withdrawn: self.is_withdrawn(),
            renewals_late: if self.own.role == Role::Authority { self.late(now_s) } else { 0 },
            enrolled: self.control.roster.certificates().count() as u64,
            forks: self.cuts.iter().filter(|(_, cut)| cut.forked).count() as u64,
            quarantined: self.quarantined(),
        }
    }

    /// Whether the authority withdrew this node, as far as it has heard. What it wrote above its marks counts nowhere, so
    /// it writes nothing more.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.control.roster.is_withdrawn(&self.own.node)
    }

    /// Where this node's own registrations are, without the rest of its state.
    #[must_use]
    pub fn own_counts(&self) -> Counts {
        self.copies.counts()
    }

    /// Durable entries that count for nothing: above the cut of a forked or withdrawn feed.
    #[must_use]
    pub fn quarantined(&self) -> u64 {
        let above = |cut: &crate::cuts::Cut| {
            let heights = cut.branches.iter().map(|id| self.height(id).0.saturating_sub(cut.stands().0));
            heights.sum::<u64>()
        };
        self.cuts.iter().map(|(_, cut)| above(cut)).sum()
    }

    /// Entries of all feeds that are durable here.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.tips.durable.heads().map(|(_, head)| head.seq.0).sum()
    }

    /// The last entry of a feed that is durable here; 0 when nothing of it is.
    #[must_use]
    pub fn height(&self, feed: &FeedId) -> SeqNo {
        self.tips.durable.get(feed).map_or(SeqNo(0), |head| head.seq)
    }

    /// Connections whose peer showed a valid certificate.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.exchange.sessions().filter(|(_, session)| session.open.is_some()).count()
    }

    /// The newest arrival that is durable.
    #[must_use]
    pub fn arrived(&self) -> Arrival {
        self.tips.durable.newest()
    }

    /// Whether the tables reflect everything that is durable.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        self.indexed >= self.arrived()
    }

    fn peers(&self) -> Vec<PeerStatus> {
        let peer = |(link, session): (LinkId, &crate::exchange::session::Session)| {
            let open = session.open.as_ref();
            let newest = self.exchange.agreements().get(&session.peer).map_or(Arrival(0), |agreed| agreed.newest);
            let changed = |open: &Open| self.tips.durable.changed_after(newest, &open.lanes).next().is_some();
            PeerStatus {
                link,
                node: session.peer,
                name: self.control.roster.name(&session.peer),
                role: open.map(|open| open.certificate.role),
                version: open.map(|open| open.version),
                connected_since: session.since,
                in_sync_since: self.exchange.in_sync(link),
                changed_since: open.is_some_and(|open| !open.pull.is_empty() || !open.serve.is_idle() || changed(open)),
                behind_since: open.and_then(|open| open.behind_since),
                missing_here: open.map_or_else(Missing::default, |open| missing(open.pull.missing())),
                missing_there: open.map_or_else(Missing::default, |open| missing(open.serve.missing())),
                set_aside: open.map_or(0, |open| open.set_aside.len() as u64),
                unacked_bytes: open.map_or(0, |open| open.serve.unacked_bytes() as u64),
            }
        };
        self.exchange.sessions().map(peer).collect()
    }

    /// The nodes met in this run that are not connected now.
    #[must_use]
    pub fn absent(&self) -> Vec<LastAgreed> {
        let connected: BTreeSet<NodeKey> = self.exchange.sessions().map(|(_, session)| session.peer).collect();
        let absent = self.exchange.agreements().iter().filter(|(node, _)| !connected.contains(node));
        let durable = &self.tips.durable;
        let since = |(node, agreed): (&NodeKey, &Agreed)| {
            let feeds = durable.changed_after(agreed.newest, &agreed.lanes).count() as u64;
            let entries = durable.entries_in(&agreed.lanes).saturating_sub(agreed.entries);
            LastAgreed { node: *node, at: agreed.at, missing_there: missing((feeds, entries)) }
        };
        absent.map(since).collect()
    }

    /// The certificate of a node, if it is known here.
    #[must_use]
    pub fn certificate(&self, node: &NodeKey) -> Option<&crate::certificate::Certificate> {
        self.control.roster.certificate(node)
    }

    /// What codes are judged by here, for looks at codes that register nobody.
    #[must_use]
    pub const fn knowledge(&self) -> &crate::verify::Knowledge {
        &self.control.knowledge
    }

    /// The nodes known here: key, role and name.
    pub fn enrolled(&self) -> impl Iterator<Item = &crate::certificate::Certificate> {
        self.control.roster.certificates()
    }
}

const fn missing((feeds, entries): (u64, u64)) -> Missing {
    Missing { feeds, entries, bytes: entries.saturating_mul(ENTRY_BYTES) }
}
