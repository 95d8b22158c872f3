//! What is due when, for each connection: the next moment is known without looking at all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::io::LinkId;
use crate::time::Mono;

/// One moment a connection, or none.
#[derive(Debug, Clone, Default)]
pub struct Due {
    at: BTreeMap<LinkId, Mono>,
    order: BTreeSet<(Mono, LinkId)>,
}

impl Due {
    /// Sets a connection's moment; `None`: nothing is due on it.
    pub fn set(&mut self, link: LinkId, at: Option<Mono>) {
        let before = match at {
            Some(at) => self.at.insert(link, at),
            None => self.at.remove(&link),
        };
        if before != at {
            before.map(|before| self.order.remove(&(before, link)));
            at.map(|at| self.order.insert((at, link)));
        }
    }

    /// A connection's moment.
    #[must_use]
    pub fn get(&self, link: LinkId) -> Option<Mono> {
        self.at.get(&link).copied()
    }

    /// The earliest moment of any.
    #[must_use]
    pub fn first(&self) -> Option<Mono> {
        self.order.first().map(|(at, _)| *at)
    }

    /// The connections whose moment has come, in the order of their names.
    #[must_use]
    pub fn by(&self, now: Mono) -> BTreeSet<LinkId> {
        self.order.range(..=(now, LinkId(u64::MAX))).map(|(_, link)| *link).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_moment_is_that_of_what_was_set_last() {
        let mut due = Due::default();
        due.set(LinkId(1), Some(Mono(50)));
        due.set(LinkId(2), Some(Mono(20)));
        due.set(LinkId(3), Some(Mono(20)));
        due.set(LinkId(2), Some(Mono(70)));
        assert_eq!((due.first(), due.get(LinkId(2))), (Some(Mono(20)), Some(Mono(70))));
        assert_eq!(due.by(Mono(50)), [LinkId(1), LinkId(3)].into());
        due.set(LinkId(3), None);
        due.set(LinkId(3), None);
        assert_eq!(due.first(), Some(Mono(50)));
        assert!(due.by(Mono(49)).is_empty());
    }
}
