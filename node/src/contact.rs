//! Why this node and each of its peers are not in sync: who, what is missing, since when, why, and what to do (N7).
//!
//! "In sync" is said only when roots were equal and nothing changed since, with the time of the proof.

use serde::Serialize;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::NodeKey;
use swabmesh_protocol::replica::{LastAgreed, Missing, PeerStatus};
use swabmesh_protocol::time::Wall;

use crate::network::{DialFailure, Disconnect, LinkBytes, PeerKind, Refusal};

/// How a peer is, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Roots were equal and nothing changed since.
    InSync,
    /// Roots were equal; what changed since has arrived, as far as told.
    CaughtUp,
    /// Connected, and roots are being compared.
    Comparing,
    /// Something is on its way.
    CatchingUp,
    /// Something is on its way, and a bandwidth limit of ours holds it up.
    BandwidthLimit,
    /// Everything else arrived; what the peer tells of some feeds is kept apart.
    Quarantined,
    /// A dial is under way.
    Dialling,
    /// Outside of the hours of the metered uplink.
    Paused,
    /// Was connected in this run, and is no more; nobody here dials it.
    Absent,
    /// Our disk takes nothing at the moment.
    DiskFull,
    /// The two have no version of the protocol in common.
    Version,
    /// One of the two does not take part for the other: unknown, withdrawn, another key.
    Refused,
    /// Nobody answers.
    Unreachable,
}

/// Why the last connection to a peer ended, when the core closed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// Why.
    pub why: swabmesh_protocol::io::CloseReason,
    /// When.
    pub at: Wall,
}

/// A node that this one is connected with, or should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contact {
    /// Its key, once it answered or was configured.
    pub node: Option<NodeKey>,
    /// Its name, or its address while that is not known.
    pub name: String,
    /// Its role, if known.
    pub role: Option<Role>,
    /// Where it is dialled; empty for one that dials us.
    pub addresses: Vec<String>,
    /// How it is.
    pub state: State,
    /// Since when it is so, as far as known.
    pub since: Option<Wall>,
    /// When roots were equal last, in this run.
    pub roots_equal_at: Option<Wall>,
    /// What it holds and we do not, as far as known.
    pub missing_here: Missing,
    /// What we hold and it does not; for one that is not connected at most this.
    pub missing_there: Missing,
    /// Since when anything is missing.
    pub oldest: Option<Wall>,
    /// Dials in a row that gave no connection.
    pub attempts: u32,
    /// Why the last of them did not, or why the last connection ended.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<Wall>,
    /// Seconds until the next dial.
    pub next_attempt_s: Option<u64>,
    /// Bytes of frames received over the present connection.
    pub bytes_in: u64,
    /// Bytes of frames sent over it.
    pub bytes_out: u64,
    /// The same in one sentence.
    pub what: String,
    /// What to do; nothing if nothing helps but time.
    pub what_to_do: String,
}

/// A peer that is to have a link, as the carrier sees it.
#[derive(Debug, Clone)]
pub struct Dialled {
    /// Its key, if known.
    pub node: Option<NodeKey>,
    /// Where it is dialled.
    pub addresses: Vec<String>,
    /// How far away it is.
    pub kind: PeerKind,
    /// Whether its hours are over.
    pub paused: bool,
    /// Seconds until the next dial, or until its hours begin.
    pub next_attempt_s: Option<u64>,
    /// Dials in a row that gave no connection.
    pub failures: u32,
    /// Why the last of them did not, and when.
    pub failure: Option<(DialFailure, Wall)>,
    /// When its last connection ended, or the first dial failed.
    pub since: Option<Wall>,
}

/// What is known of one peer, from everybody who knows something.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'k> {
    /// The core's session.
    pub session: Option<&'k PeerStatus>,
    /// What crossed on it.
    pub bytes: Option<LinkBytes>,
    /// The last proof, for one without a session.
    pub agreed: Option<&'k LastAgreed>,
    /// The carrier's dialling.
    pub dialled: Option<&'k Dialled>,
    /// Why the core closed its last connection.
    pub trouble: Option<Trouble>,
    /// Why its last connection ended, as the carrier saw it.
    pub ended: Option<(Disconnect, Wall)>,
}

impl Known<'_> {
    /// Puts it together. `name` is what its certificate says, if there is one; `disk_full` is of our own disk.
    #[must_use]
    pub fn contact(&self, name: Option<String>, disk_full: bool) -> Contact {
        let addresses = self.dialled.map(|dialled| dialled.addresses.clone()).unwrap_or_default();
        let node = self.session.map(|session| session.node);
        let node = node.or_else(|| self.agreed.map(|agreed| agreed.node)).or_else(|| self.dialled?.node);
        let authority = self.dialled.is_some_and(|dialled| dialled.kind == PeerKind::Authority);
        let unnamed = || {
            let at = addresses.join(", ");
            if authority { format!("the authority at {at}") } else { at }
        };
        let mut contact = Contact {
            node,
            name: name.unwrap_or_else(unnamed),
            role: self.session.and_then(|session| session.role).or(authority.then_some(Role::Authority)),
            addresses,
            state: State::Unreachable,
            since: None,
            roots_equal_at: None,
            missing_here: Missing::default(),
            missing_there: Missing::default(),
            oldest: None,
            attempts: self.dialled.map_or(0, |dialled| dialled.failures),
            last_error: None,
            last_error_at: None,
            next_attempt_s: self.dialled.and_then(|dialled| dialled.next_attempt_s),
            bytes_in: self.bytes.unwrap_or_default().bytes_in,
            bytes_out: self.bytes.unwrap_or_default().bytes_out,
            what: String::new(),
            what_to_do: String::new(),
        };
        match self.session {
            Some(session) => self.connected(&mut contact, session, disk_full),
            None => self.apart(&mut contact, disk_full),
        }
        let (what, what_to_do) = contact.said();
        (contact.what, contact.what_to_do) = (what, what_to_do.to_owned());
        contact
    }

    fn connected(&self, contact: &mut Contact, session: &PeerStatus, disk_full: bool) {
        contact.roots_equal_at = session.in_sync_since.or_else(|| self.agreed.map(|agreed| agreed.at));
        contact.missing_here = session.missing_here;
        contact.missing_there = session.missing_there;
        contact.oldest = session.behind_since;
        let missing = !session.missing_here.is_nothing() || !session.missing_there.is_nothing();
        let limited = self.bytes.is_some_and(|bytes| bytes.limited);
        contact.state = match (session.in_sync_since, missing) {
            (_, true) if disk_full => State::DiskFull,
            (_, true) if limited => State::BandwidthLimit,
            (_, true) => State::CatchingUp,
            (Some(_), false) if !session.changed_since => State::InSync,
            (Some(_), false) => State::CaughtUp,
            (None, false) if session.set_aside > 0 => State::Quarantined,
            (None, false) => State::Comparing,
        };
        contact.since = match contact.state {
            State::InSync | State::CaughtUp => session.in_sync_since,
            State::CatchingUp | State::BandwidthLimit | State::DiskFull => session.behind_since,
            State::Quarantined
            | State::Comparing
            | State::Dialling
            | State::Paused
            | State::Absent
            | State::Version
            | State::Refused
            | State::Unreachable => Some(session.connected_since),
        };
    }

    fn apart(&self, contact: &mut Contact, disk_full: bool) {
        if let Some(agreed) = self.agreed {
            contact.roots_equal_at = Some(agreed.at);
            contact.missing_there = agreed.missing_there;
            contact.oldest = (!agreed.missing_there.is_nothing()).then_some(agreed.at);
        }
        let Some(dialled) = self.dialled else {
            contact.state = State::Absent;
            contact.since = self.trouble.map(|trouble| trouble.at).or(contact.roots_equal_at);
            contact.since = self.ended.map(|(_, at)| at).or(contact.since);
            let ended = self.ended.map(|(why, _)| ended_in_words(why).to_owned());
            contact.last_error = self.trouble.map(|trouble| trouble.why.to_string()).or(ended);
            return;
        };
        contact.since = dialled.since;
        if let Some((failure, at)) = &dialled.failure {
            contact.last_error = Some(said_by_the_system(failure));
            contact.last_error_at = Some(*at);
        }
        let newer = |trouble: &Trouble| contact.last_error_at.is_none_or(|at| at <= trouble.at);
        contact.state = match (&dialled.failure, self.trouble.filter(newer)) {
            _ if dialled.paused => State::Paused,
            (_, Some(trouble)) => {
                use swabmesh_protocol::io::CloseReason;
                contact.last_error = Some(format!("the node {}", trouble.why));
                contact.last_error_at = Some(trouble.at);
                match trouble.why {
                    CloseReason::Version => State::Version,
                    CloseReason::OurDisk => State::DiskFull,
                    CloseReason::NoCertificate
                    | CloseReason::Withdrawn
                    | CloseReason::BadChunk
                    | CloseReason::Flood => State::Refused,
                    CloseReason::BadFrame | CloseReason::Stalled => State::Unreachable,
                }
            }
            (None, None) => match self.ended {
                Some((why, at)) => {
                    contact.last_error = Some(ended_in_words(why).to_owned());
                    contact.last_error_at = Some(at);
                    State::Unreachable
                }
                None => State::Dialling,
            },
            (Some((DialFailure::Unreachable(_) | DialFailure::RefusedHere(Refusal::Limit), _)), None) => {
                State::Unreachable
            }
            (Some(_), None) => State::Refused,
        };
        if disk_full && contact.state == State::Refused {
            contact.state = State::DiskFull;
        }
    }
}

impl Contact {
    /// Whether the operator has nothing to know about it.
    #[must_use]
    pub const fn is_fine(&self) -> bool {
        matches!(self.state, State::InSync | State::CaughtUp)
    }

    fn said(&self) -> (String, &'static str) {
        let cause = || self.last_error.as_deref().unwrap_or("no answer");
        match self.state {
            State::InSync => ("in sync".to_owned(), ""),
            State::CaughtUp => ("caught up".to_owned(), ""),
            State::Comparing => ("connected, comparing what both hold".to_owned(), ""),
            State::CatchingUp => (
                "connected, catching up".to_owned(),
                "Wait; if it does not get less in a minute, look at the connection.",
            ),
            State::BandwidthLimit => (
                "connected, held up by the bandwidth limit of this node".to_owned(),
                "Wait, or raise bandwidth_kbit or peer_bandwidth_kbit in node.toml.",
            ),
            State::Quarantined => (
                "connected; some feeds are kept apart: their writer signed two histories, or was withdrawn".to_owned(),
                "Tell the authority; everything else is in sync.",
            ),
            State::Dialling => ("not connected yet, trying".to_owned(), ""),
            State::Paused => (
                "paused: outside of the hours of the metered uplink".to_owned(),
                "Nothing; or change uplink_hours in node.toml.",
            ),
            State::Absent => {
                ("not connected any more; it comes to us by itself".to_owned(), "See that it is switched on.")
            }
            State::DiskFull => (
                "this node's disk takes nothing at the moment".to_owned(),
                "Free some space: syncing goes on by itself.",
            ),
            State::Version => {
                ("the two have no version of the protocol in common".to_owned(), "Update the older of the two.")
            }
            State::Refused => {
                let to_do = match self.last_error.as_deref() {
                    Some(error) if error.contains("own") => "Take this node's own address out of node.toml.",
                    Some(error) if error.contains("another") => {
                        "Another node answers at that address: put the address right in node.toml."
                    }
                    Some(_) | None => "Ask the authority whether both are enrolled and neither was withdrawn.",
                };
                (format!("refused: {}", self.last_error.as_deref().unwrap_or("no reason given")), to_do)
            }
            State::Unreachable => (
                format!("unreachable: {}", cause()),
                "Check that it is switched on, the cable or the uplink, and its address in node.toml.",
            ),
        }
    }
}

/// Why a connection ended, in words of the people who read it.
const fn ended_in_words(why: Disconnect) -> &'static str {
    match why {
        Disconnect::Silent => "nothing was heard from it any more",
        Disconnect::Lost => "the connection was lost",
        Disconnect::Peer => "it closed the connection",
        Disconnect::SlowPeer => "it took nothing any more",
        Disconnect::Oversize => "it sent more than a frame holds",
        Disconnect::Withdrawn => "it was withdrawn",
        Disconnect::Probation => "it did not prove itself in time",
        Disconnect::Paused => "the hours of the uplink were over",
        Disconnect::Here | Disconnect::Duplicate | Disconnect::Shutdown => "this node closed the connection",
    }
}

/// Why a dial gave no connection, in words of the people who read it.
fn said_by_the_system(failure: &DialFailure) -> String {
    let DialFailure::Unreachable(tried) = failure else { return failure.to_string() };
    // Each is an address, a colon, and what the system said; the address stands beside it already.
    let said = tried.iter().map(|said| said.split_once(": ").map_or(said.as_str(), |(_, said)| said));
    let said = said.map(|said| said.split_once(" (os error").map_or(said, |(said, _)| said));
    let mut said: Vec<String> = said.map(in_words).collect();
    said.dedup();
    if said.is_empty() { "no answer".to_owned() } else { said.join("; ") }
}

fn in_words(said: &str) -> String {
    const WORDS: [(&str, &str); 6] = [
        ("Connection refused", "the machine answers, but no node runs at that port"),
        ("No route to host", "no such machine on this network"),
        ("Network is unreachable", "this machine has no network"),
        ("lookup", "the name is not known (DNS)"),
        ("imed out", "no answer"),
        ("imeout", "no answer"),
    ];
    WORDS.iter().find(|(part, _)| said.contains(part)).map_or(said, |(_, words)| words).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use swabmesh_protocol::io::{CloseReason, LinkId};

    fn session() -> PeerStatus {
        PeerStatus {
            link: LinkId(1),
            node: NodeKey([1; 32]),
            name: "city".to_owned(),
            role: Some(Role::Authority),
            version: Some(2),
            connected_since: Wall(1),
            in_sync_since: Some(Wall(5)),
            changed_since: false,
            behind_since: None,
            missing_here: Missing::default(),
            missing_there: Missing::default(),
            set_aside: 0,
            unacked_bytes: 0,
        }
    }

    fn dialled() -> Dialled {
        let failure = DialFailure::Unreachable(vec!["/ip4/192.0.2.1/tcp/4001: Connection refused".to_owned()]);
        Dialled {
            node: None,
            addresses: vec!["/ip4/192.0.2.1/tcp/4001".to_owned()],
            kind: PeerKind::Authority,
            paused: false,
            next_attempt_s: Some(7),
            failures: 3,
            failure: Some((failure, Wall(9))),
            since: None,
        }
    }

    fn of(session: &PeerStatus, bytes: LinkBytes, disk_full: bool) -> Contact {
        Known { session: Some(session), bytes: Some(bytes), ..Known::default() }.contact(Some("city".into()), disk_full)
    }

    #[test]
    fn in_sync_is_said_only_of_equal_roots_with_nothing_changed_since() {
        let mut peer = session();
        assert_eq!(of(&peer, LinkBytes::default(), false).state, State::InSync);
        peer.changed_since = true;
        assert_eq!(of(&peer, LinkBytes::default(), false).state, State::CaughtUp);
        peer.in_sync_since = None;
        assert_eq!(of(&peer, LinkBytes::default(), false).state, State::Comparing);
        peer.set_aside = 1;
        assert_eq!(of(&peer, LinkBytes::default(), false).state, State::Quarantined);
    }

    #[test]
    fn what_is_missing_has_a_reason_and_a_beginning() {
        let mut peer = session();
        peer.missing_there = Missing { feeds: 1, entries: 30, bytes: 1_200 };
        peer.behind_since = Some(Wall(77));
        let limited = LinkBytes { limited: true, ..LinkBytes::default() };
        assert_eq!(of(&peer, LinkBytes::default(), false).state, State::CatchingUp);
        assert_eq!(of(&peer, limited, false).state, State::BandwidthLimit);
        let full = of(&peer, limited, true);
        assert_eq!((full.state, full.oldest, full.missing_there.entries), (State::DiskFull, Some(Wall(77)), 30));
    }

    #[test]
    fn a_configured_peer_that_nobody_reached_is_named_with_its_last_error_and_the_next_attempt() {
        let dialled = dialled();
        let contact = Known { dialled: Some(&dialled), ..Known::default() }.contact(None, false);
        assert_eq!((contact.state, contact.attempts, contact.next_attempt_s), (State::Unreachable, 3, Some(7)));
        assert_eq!(contact.name, "the authority at /ip4/192.0.2.1/tcp/4001");
        assert_eq!(contact.what, "unreachable: the machine answers, but no node runs at that port");
        assert!(!contact.what_to_do.is_empty());
    }

    #[test]
    fn reasons_of_the_core_and_hours_come_before_what_the_system_said() {
        let mut dialled = dialled();
        let trouble = |why| Some(Trouble { why, at: Wall(10) });
        let state = |dialled: &Dialled, trouble| {
            Known { dialled: Some(dialled), trouble, ..Known::default() }.contact(None, false).state
        };
        assert_eq!(state(&dialled, trouble(CloseReason::Version)), State::Version);
        assert_eq!(state(&dialled, trouble(CloseReason::Withdrawn)), State::Refused);
        let old = Some(Trouble { why: CloseReason::Version, at: Wall(8) });
        assert_eq!(state(&dialled, old), State::Unreachable, "the failed dial came later");
        dialled.paused = true;
        assert_eq!(state(&dialled, trouble(CloseReason::Version)), State::Paused);
        (dialled.paused, dialled.failure) = (false, Some((DialFailure::RefusedThere, Wall(9))));
        assert_eq!(state(&dialled, None), State::Refused);
    }

    #[test]
    fn a_connection_that_fell_silent_is_the_reason_until_a_dial_says_more() {
        let dialled = Dialled { failure: None, failures: 0, ..dialled() };
        let known = Known { dialled: Some(&dialled), ended: Some((Disconnect::Silent, Wall(9))), ..Known::default() };
        let contact = known.contact(None, false);
        assert_eq!((contact.state, contact.last_error_at), (State::Unreachable, Some(Wall(9))));
        assert_eq!(contact.what, "unreachable: nothing was heard from it any more");
    }

    #[test]
    fn a_peer_that_is_gone_keeps_its_last_proof_and_what_came_since() {
        let missing_there = Missing { feeds: 2, entries: 9, bytes: 360 };
        let agreed = LastAgreed { node: NodeKey([2; 32]), at: Wall(50), missing_there };
        let contact = Known { agreed: Some(&agreed), ..Known::default() }.contact(Some("Gate 4".into()), false);
        assert_eq!(
            (contact.state, contact.roots_equal_at, contact.oldest),
            (State::Absent, Some(Wall(50)), Some(Wall(50)))
        );
        assert_eq!(contact.missing_there, missing_there);
    }
}
