//! Who takes part: certificates held, and withdrawals (rule N2).

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::VerifyingKey;

use crate::certificate::{Certificate, CertificateError};
use crate::fact::{Mark, Role, Withdrawn};
use crate::id::{FeedId, Lane, NodeKey, SeqNo};

/// The certificates and withdrawals a node knows, under the root it was enrolled with.
#[derive(Debug, Clone)]
pub struct Roster {
    root: VerifyingKey,
    certificates: BTreeMap<NodeKey, Certificate>,
    /// The lanes that any certificate ever named, in the order in which they came to be known.
    lanes: Vec<Lane>,
    known_lanes: BTreeSet<Lane>,
    withdrawn: BTreeMap<NodeKey, BTreeMap<FeedId, SeqNo>>,
    /// Parts of withdrawals of which not all are known yet, by their numbers.
    parts: BTreeMap<(NodeKey, [u8; 8]), BTreeMap<u16, Vec<Mark>>>,
}

/// What may be done with an entry of a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Enrolled: everything it writes stands.
    Enrolled(Role),
    /// Withdrawn: what it wrote up to this number stands, the rest is refused.
    WithdrawnAbove(SeqNo, Role),
    /// No certificate is known; it may arrive later.
    Unknown,
}

impl Roster {
    /// A roster that knows only the root.
    #[must_use]
    pub const fn new(root: VerifyingKey) -> Self {
        Self {
            root,
            certificates: BTreeMap::new(),
            lanes: Vec::new(),
            known_lanes: BTreeSet::new(),
            withdrawn: BTreeMap::new(),
            parts: BTreeMap::new(),
        }
    }

    /// The root key, pinned at enrolment.
    #[must_use]
    pub const fn root(&self) -> &VerifyingKey {
        &self.root
    }

    /// Learns a certificate; of two for one node the higher serial holds. Returns whether anything changed.
    ///
    /// # Errors
    /// [`CertificateError`] when the root did not sign it. Expiry is no reason: what was written in time stands.
    pub fn enrol(&mut self, bytes: &[u8]) -> Result<(Certificate, bool), CertificateError> {
        let certificate = Certificate::open(bytes, &self.root)?;
        let newer = self.certificates.get(&certificate.node).is_none_or(|held| held.serial < certificate.serial);
        if newer {
            if self.known_lanes.insert(certificate.lane) {
                self.lanes.push(certificate.lane);
            }
            self.certificates.insert(certificate.node, certificate.clone());
        }
        Ok((certificate, newer))
    }

    /// Learns a withdrawal; returns whether it took effect, which of several parts the last one does. Repeated withdrawals
    /// only ever narrow what stands.
    pub fn withdraw(&mut self, fact: &Withdrawn) -> bool {
        let Some(marks) = self.whole(fact) else { return false };
        let marks = marks.iter().map(|Mark { feed, seq }| (*feed, *seq)).collect::<BTreeMap<_, _>>();
        match self.withdrawn.get_mut(&fact.node) {
            None => {
                self.withdrawn.insert(fact.node, marks);
            }
            Some(held) => {
                held.retain(|feed, seq| {
                    marks.get(feed).is_some_and(|mark| {
                        *seq = (*seq).min(*mark);
                        true
                    })
                });
            }
        }
        true
    }

    /// The marks of a withdrawal once all its parts are known.
    fn whole(&mut self, fact: &Withdrawn) -> Option<Vec<Mark>> {
        let Some(part) = fact.part else { return Some(fact.marks.clone()) };
        let name = (fact.node, part.whole);
        let known = self.parts.entry(name).or_default();
        known.insert(part.number, fact.marks.clone());
        let all = known.len() >= usize::from(part.of);
        all.then(|| self.parts.remove(&name).unwrap_or_default().into_values().flatten().collect())
    }

    /// The certificate held for a node.
    #[must_use]
    pub fn certificate(&self, node: &NodeKey) -> Option<&Certificate> {
        self.certificates.get(node)
    }

    /// All certificates held.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.values()
    }

    /// The lanes that a node has or had, each once; further ones come behind.
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// Whether a node was withdrawn.
    #[must_use]
    pub fn is_withdrawn(&self, node: &NodeKey) -> bool {
        self.withdrawn.contains_key(node)
    }

    /// The role of a node, withdrawn or not.
    #[must_use]
    pub fn role(&self, node: &NodeKey) -> Option<Role> {
        self.certificates.get(node).map(|certificate| certificate.role)
    }

    /// What people call a node: its name, or the beginning of its key.
    #[must_use]
    pub fn name(&self, node: &NodeKey) -> String {
        let short = || node.to_string().chars().take(8).collect();
        self.certificates.get(node).map_or_else(short, |certificate| certificate.name.to_string())
    }

    /// What may be done with entries of a feed of a writer.
    #[must_use]
    pub fn standing(&self, writer: &NodeKey, feed: &FeedId) -> Standing {
        let Some(certificate) = self.certificates.get(writer) else { return Standing::Unknown };
        match self.withdrawn.get(writer) {
            None => Standing::Enrolled(certificate.role),
            Some(marks) => Standing::WithdrawnAbove(marks.get(feed).copied().unwrap_or_default(), certificate.role),
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::fact::Remark;
    use crate::text::Text;

    fn enrolled(serial: u32, name: &str, roster: &mut Roster, root: &SigningKey) {
        let node = NodeKey([5; 32]);
        let name = Text::new(name).unwrap();
        let certificate = Certificate { node, role: Role::Site, name, lane: Lane(1), serial, from: 0, until: 9 };
        roster.enrol(&certificate.sign(root)).unwrap();
    }

    #[test]
    fn lanes_are_told_once_each_in_the_order_in_which_they_came() {
        let root = SigningKey::from_bytes(&[1; 32]);
        let mut roster = Roster::new(root.verifying_key());
        for (node, lane) in [(1, 7), (2, 3), (3, 7), (4, 5)] {
            let (node, name) = (NodeKey([node; 32]), Text::new("site").unwrap());
            let certificate =
                Certificate { node, role: Role::Site, name, lane: Lane(lane), serial: 1, from: 0, until: 9 };
            roster.enrol(&certificate.sign(&root)).unwrap();
        }
        assert_eq!(roster.lanes(), [Lane(7), Lane(3), Lane(5)]);
    }

    #[test]
    fn the_higher_serial_holds_in_whatever_order_they_arrive() {
        let root = SigningKey::from_bytes(&[1; 32]);
        let (mut one, mut other) = (Roster::new(root.verifying_key()), Roster::new(root.verifying_key()));
        enrolled(1, "old", &mut one, &root);
        enrolled(2, "new", &mut one, &root);
        enrolled(2, "new", &mut other, &root);
        enrolled(1, "old", &mut other, &root);
        assert_eq!(one.name(&NodeKey([5; 32])), "new");
        assert_eq!(one.certificate(&NodeKey([5; 32])), other.certificate(&NodeKey([5; 32])));
    }

    #[test]
    fn what_a_withdrawn_node_wrote_up_to_the_mark_stands() {
        let root = SigningKey::from_bytes(&[1; 32]);
        let mut roster = Roster::new(root.verifying_key());
        let (node, feed) = (NodeKey([5; 32]), FeedId([1; 16]));
        assert_eq!(roster.standing(&node, &feed), Standing::Unknown);
        enrolled(1, "site", &mut roster, &root);
        assert_eq!(roster.standing(&node, &feed), Standing::Enrolled(Role::Site));
        let withdrawn = |seq| Withdrawn {
            node,
            marks: vec![Mark { feed, seq: SeqNo(seq) }],
            reason: Remark::default(),
            part: None,
        };
        roster.withdraw(&withdrawn(8));
        roster.withdraw(&withdrawn(9));
        assert_eq!(roster.standing(&node, &feed), Standing::WithdrawnAbove(SeqNo(8), Role::Site));
        assert_eq!(roster.standing(&node, &FeedId([2; 16])), Standing::WithdrawnAbove(SeqNo(0), Role::Site));
    }

    #[test]
    fn a_withdrawal_in_parts_takes_effect_with_the_last_in_whatever_order_they_come() {
        let root = SigningKey::from_bytes(&[1; 32]);
        let node = NodeKey([5; 32]);
        let mark = |n: u8| Mark { feed: FeedId([n; 16]), seq: SeqNo(n.into()) };
        let marks: Vec<Mark> = (1..=200).map(mark).collect();
        let parts = Withdrawn::in_parts(node, &marks, &Remark::default());
        assert_eq!(parts.len(), 7);
        for turned in 0..parts.len() {
            let mut roster = Roster::new(root.verifying_key());
            enrolled(1, "lab", &mut roster, &root);
            let mut order = parts.clone();
            order.rotate_left(turned);
            let (last, others) = order.split_last().unwrap();
            assert!(others.iter().all(|part| !roster.withdraw(part)) && !roster.is_withdrawn(&node));
            assert!(roster.withdraw(last) && roster.parts.is_empty());
            assert!(
                marks.iter().all(|mark| {
                    roster.standing(&node, &mark.feed) == Standing::WithdrawnAbove(mark.seq, Role::Site)
                })
            );
        }
    }
}
