//! The metered uplink: open in its hours, its bytes counted for each of them.

use std::sync::Arc;
use std::time::Duration;

use super::CONTACT_TIMES_MAX;
use super::contact::{Contact, Contacts};
use super::hours::{ContactTime, Hours};
use super::rate::LinkBytes;
use crate::clock;

/// How often the clock is looked at while there are hours. Source: guess; hours are set by the minute, and clocks are set by hand.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is known of the uplink's hours.
#[derive(Debug)]
pub(super) struct Uplink {
    hours: Hours,
    open: bool,
    times: Vec<ContactTime>,
    /// Bytes of links that ended in this time of contact.
    ended: LinkBytes,
    contacts: Arc<Contacts>,
}

/// What a look at the clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Opened,
    Closed,
}

impl Uplink {
    pub(super) fn new(hours: Hours, contacts: Arc<Contacts>) -> Self {
        let always = hours.is_always();
        Self { hours, open: always, times: Vec::new(), ended: LinkBytes::default(), contacts }
    }

    /// When to look at the clock again; `None` when the uplink is always open.
    pub(super) fn look_every(&self) -> Option<Duration> {
        (!self.hours.is_always()).then_some(LOOK_EVERY)
    }

    pub(super) const fn is_open(&self) -> bool {
        self.open
    }

    /// Looks at the clock; `live` is what crossed on the links of the authority that are up.
    pub(super) fn look(&mut self, live: impl Iterator<Item = LinkBytes>) -> Option<Change> {
        if self.hours.is_always() {
            return None;
        }
        let now = clock::wall();
        let (was, open) = (self.open, self.hours.is_open(now));
        self.open = open;
        if open && !was {
            self.ended = LinkBytes::default();
            self.times.push(ContactTime { began: now.0, ended: None, bytes_in: 0, bytes_out: 0 });
            let extra = self.times.len().saturating_sub(CONTACT_TIMES_MAX);
            self.times.drain(..extra);
        }
        if let Some(time) = self.times.last_mut().filter(|time| time.ended.is_none()) {
            let crossed = live.fold(self.ended, sum);
            (time.bytes_in, time.bytes_out) = (crossed.bytes_in, crossed.bytes_out);
            time.ended = (!open).then_some(now.0);
        }
        self.contacts.set_times(self.times.clone());
        match (was, open) {
            (false, true) => Some(Change::Opened),
            (true, false) => Some(Change::Closed),
            (false, false) | (true, true) => None,
        }
    }

    /// A link to the authority ended; after its hours it counts for the time that just ended.
    pub(super) fn link_ended(&mut self, bytes: LinkBytes) {
        self.ended = sum(self.ended, bytes);
        if let Some(time) = self.times.last_mut() {
            time.bytes_in = time.bytes_in.max(self.ended.bytes_in);
            time.bytes_out = time.bytes_out.max(self.ended.bytes_out);
        }
    }

    pub(super) fn tell(&self, contacts: Vec<Contact>) {
        self.contacts.set(contacts);
    }
}

fn sum(one: LinkBytes, other: LinkBytes) -> LinkBytes {
    LinkBytes {
        bytes_in: one.bytes_in + other.bytes_in,
        bytes_out: one.bytes_out + other.bytes_out,
        limited: one.limited || other.limited,
    }
}
