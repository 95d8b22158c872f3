//! What is in a bundle, verified: for whoever looks at a file without a node, or must prove that it holds something.

use std::collections::BTreeMap;
use std::io::{self, Read};

use ed25519_dalek::VerifyingKey;
use serde::Serialize;
use swabmesh_protocol::bundle::{Condition, Line, Manifest, Missing, Piece, Scanner, Stretches, Survey};
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::chunk::{OpenedChunk, SealedChunk};
use swabmesh_protocol::copies::Custody;
use swabmesh_protocol::fact::{Fact, Role};
use swabmesh_protocol::id::{Barcode, EntryId, FeedHeader, FeedId, Hash, NodeKey, SeqNo};
use swabmesh_protocol::roster::Roster;
use swabmesh_protocol::time::Wall;

/// Bytes read at a time.
const STEP_BYTES: usize = 64 * 1024;

/// A registration in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Registration {
    /// Its entry.
    pub registration: EntryId,
    /// Into which tube.
    pub tube: Barcode,
    /// When, by its writer's clock.
    pub at: Wall,
    /// Where it was when the bundle was made, as far as its maker knew.
    pub held: Custody,
}

/// What a bundle holds of one feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedContents {
    /// Whose.
    pub header: FeedHeader,
    /// Which entries.
    pub stretches: Stretches,
    /// The last entry and its hash, under its writer's signature.
    pub head: (SeqNo, Hash),
    /// How many entries.
    pub entries: u64,
    /// How many registrations, by where they were.
    pub registrations: BTreeMap<Custody, u64>,
}

/// What is in a bundle; every chunk counted here is under its writer's signature.
#[derive(Debug, Default)]
pub struct Contents {
    /// In what condition the file is.
    pub condition: Condition,
    /// What it says of itself.
    pub manifest: Option<Manifest>,
    /// The certificates in it that its own root signed.
    pub nodes: Vec<Certificate>,
    /// What it holds.
    pub feeds: BTreeMap<FeedId, FeedContents>,
    /// Chunks whose signature does not hold.
    pub forged: u64,
    /// What it should hold and does not.
    pub missing: Vec<Missing>,
}

/// Where the copies of a feed were.
#[derive(Default)]
struct Marks {
    receipted: SeqNo,
    neighbour: SeqNo,
}

struct Reading<F> {
    contents: Contents,
    survey: Survey,
    roster: Option<Roster>,
    marks: BTreeMap<FeedId, Marks>,
    each: F,
}

impl Contents {
    /// Reads a bundle; `each` hears of every registration in it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(mut from: impl Read, each: impl FnMut(&Registration)) -> io::Result<Self> {
        let (contents, survey, marks) = (Self::default(), Survey::default(), BTreeMap::new());
        let mut reading = Reading { contents, survey, roster: None, marks, each };
        let mut scanner = Scanner::default();
        let mut step = vec![0; STEP_BYTES];
        loop {
            let bytes = match from.read(&mut step) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if bytes == 0 {
                scanner.close();
            } else {
                scanner.push(step.get(..bytes).unwrap_or_default());
            }
            while let Some(piece) = scanner.next_piece() {
                reading.piece(piece);
            }
            if bytes == 0 {
                break;
            }
        }
        let Reading { mut contents, survey, .. } = reading;
        contents.condition = scanner.condition();
        contents.missing = survey.missing();
        Ok(contents)
    }

    /// The certificate of a node.
    #[must_use]
    pub fn node(&self, key: &NodeKey) -> Option<&Certificate> {
        self.nodes.iter().find(|certificate| certificate.node == *key)
    }

    /// Whether the bundle holds a feed from an entry up to its head, the very history that ends in this hash.
    #[must_use]
    pub fn proves(&self, feed: &FeedId, from: SeqNo, head: (SeqNo, Hash)) -> bool {
        // Each chunk names the hash before it, so stretches that touch and end in this hash are one history.
        let held = self.feeds.get(feed).filter(|held| held.head == head);
        held.is_some_and(|held| held.stretches.gaps(from, head.0).next().is_none())
    }
}

impl<F: FnMut(&Registration)> Reading<F> {
    fn piece(&mut self, piece: Piece) {
        match piece {
            Piece::Manifest(manifest) => self.manifest(manifest),
            Piece::Certificate(bytes) => self.certificate(&bytes),
            Piece::Chunk(sealed) => self.chunk(&sealed),
        }
    }

    fn manifest(&mut self, manifest: Manifest) {
        if self.contents.manifest.is_some() {
            return;
        }
        self.survey.expect(&manifest);
        self.roster = VerifyingKey::from_bytes(&manifest.root.0).ok().map(Roster::new);
        for Line { header, receipted, neighbour, .. } in &manifest.lines {
            self.marks.insert(header.id(), Marks { receipted: *receipted, neighbour: *neighbour });
        }
        self.contents.manifest = Some(manifest);
    }

    fn certificate(&mut self, bytes: &[u8]) {
        let enrolled = self.roster.as_mut().and_then(|roster| roster.enrol(bytes).ok());
        self.contents.nodes.extend(enrolled.map(|(certificate, _)| certificate));
    }

    fn chunk(&mut self, sealed: &SealedChunk) {
        let Ok(chunk) = sealed.open() else {
            self.contents.forged += 1;
            return;
        };
        let id = chunk.header.id();
        self.survey.read(&id, chunk.first(), chunk.checkpoint.seq);
        self.facts(&chunk, id);
        let head = (chunk.checkpoint.seq, chunk.checkpoint.head);
        let feed = self.contents.feeds.entry(id).or_insert_with(|| FeedContents {
            header: chunk.header,
            stretches: Stretches::default(),
            head,
            entries: 0,
            registrations: BTreeMap::new(),
        });
        feed.stretches.add(chunk.first(), chunk.checkpoint.seq);
        feed.head = feed.head.max(head);
        feed.entries += chunk.entries.len() as u64;
    }

    fn facts(&mut self, chunk: &OpenedChunk, id: FeedId) {
        let role = self.roster.as_ref().and_then(|roster| roster.role(&chunk.header.writer));
        for entry in &chunk.entries {
            match Fact::from_bytes(&entry.fact) {
                Ok(Fact::Receipt(receipt)) if role == Some(Role::Authority) => {
                    for mark in receipt.marks {
                        let held = self.marks.entry(mark.feed).or_default();
                        held.receipted = held.receipted.max(mark.seq);
                    }
                }
                Ok(Fact::Registered(registered)) => {
                    let held = self.held(&id, entry.seq);
                    let registration = EntryId { feed: id, seq: entry.seq };
                    let at = entry.stamp.wall();
                    (self.each)(&Registration { registration, tube: registered.tube, at, held });
                    self.count(chunk, id, held);
                }
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn held(&self, feed: &FeedId, seq: SeqNo) -> Custody {
        self.marks.get(feed).map_or(Custody::OnlyHere, |marks| Custody::of(seq, marks.neighbour, marks.receipted))
    }

    fn count(&mut self, chunk: &OpenedChunk, id: FeedId, held: Custody) {
        let feed = self.contents.feeds.entry(id).or_insert_with(|| FeedContents {
            header: chunk.header,
            stretches: Stretches::default(),
            head: (SeqNo(0), Hash::ZERO),
            entries: 0,
            registrations: BTreeMap::new(),
        });
        *feed.registrations.entry(held).or_default() += 1;
    }
}
