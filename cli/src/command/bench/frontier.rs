//! `bench frontier`: what two nodes say to each other before anything is transferred, from real frames.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::exchange::frame::{Frame, ToldHead};
use swabmesh_protocol::exchange::{Exchange, Out, Own, Tips};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::frontier::{Frontier, Head, Lanes};
use swabmesh_protocol::id::{Epoch, FeedHeader, FeedShort, Hash, Lane, NodeKey, SeqNo};
use swabmesh_protocol::io::{Arrival, LinkId};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::{Mono, Now, Stamp, Wall};

use crate::Outcome;

/// Bytes of the length before each frame; they are counted. What noise, the muxer and TCP add is not.
const LENGTH_BYTES: usize = 4;
const LINK: LinkId = LinkId(1);
/// Entries of each feed: a busy site's of a month.
const HEIGHT: u64 = 50_000;

/// Measures what agreeing costs: bytes of real frames between two nodes (对账).
///
/// A cost is everything said after the hellos until both have told each other what is missing. Hellos are shown apart.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh bench frontier --feeds 15000
  swabmesh bench frontier --feeds 15000 --json")]
pub(super) struct Arguments {
    /// Feeds both nodes know
    #[arg(long, default_value_t = 15_000)]
    feeds: u32,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

struct Row {
    name: &'static str,
    case: String,
    bytes: usize,
    aim: usize,
    round_trips: usize,
    frames: String,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let feeds = self.feeds;
        let mut rows = Vec::new();
        let mut known = Pair::new(feeds, feeds)?;
        let hello = known.meet()?.hello_bytes;
        known.part();
        rows.push(known.meet()?.row("in_sync", format!("nothing changed, {feeds} feeds known"), 64));
        for changed in [1, 10, 100, 1_000] {
            let mut pair = Pair::new(feeds, feeds)?;
            pair.meet()?;
            pair.part();
            pair.there.append(0..changed.min(feeds));
            let aim = 64 + 16 * usize::try_from(changed)?;
            rows.push(pair.meet()?.row("changed", format!("{changed} feeds changed since the last contact"), aim));
        }
        let crossed = Pair::new(feeds, feeds)?.meet()?;
        rows.push(crossed.row("frontier_equal", "first contact, nothing differs".to_owned(), 64));
        let mut pair = Pair::new(feeds, feeds)?;
        pair.there.append(0..1);
        rows.push(pair.meet()?.row("frontier_one", "first contact, one feed differs".to_owned(), 4_000));
        rows.push(Pair::new(0, feeds)?.meet()?.row(
            "frontier_all",
            "first contact, all feeds differ".to_owned(),
            180_000,
        ));
        let root = frame_bytes(&Pair::new(feeds, feeds)?.root_frame());
        rows.push(Row {
            name: "root",
            case: "the frame with the root".to_owned(),
            bytes: root,
            aim: 40,
            round_trips: 1,
            frames: "sync".to_owned(),
        });

        if self.json {
            let of_row = |row: &Row| {
                json!({ "name": row.name, "case": row.case, "bytes": row.bytes, "aim": row.aim,
                        "round_trips": row.round_trips, "frames": row.frames })
            };
            let costs: Vec<Value> = rows.iter().map(of_row).collect();
            writeln!(out, "{}", json!({ "feeds": feeds, "hello_bytes": hello, "costs": costs }))?;
        } else {
            writeln!(out, "{:<44} {:>9} {:>9}  {:>6}  frames", "case", "bytes", "aim", "trips")?;
            for Row { case, bytes, aim, round_trips, frames, .. } in &rows {
                let miss = if bytes > aim { "  MISSED" } else { "" };
                writeln!(out, "{case:<44} {bytes:>9} {aim:>9}  {round_trips:>6}  {frames}{miss}")?;
            }
            writeln!(
                out,
                "hellos, both sides, with a certificate each: {hello} bytes\na registration in a batch: see bench heal"
            )?;
        }
        let missed = rows.iter().any(|row| row.bytes > row.aim);
        Ok(if missed { Outcome::Failed } else { Outcome::Done })
    }
}

struct Side {
    exchange: Exchange,
    frontier: Frontier,
    certificate: Certificate,
}

struct Tip<'f>(&'f Frontier);

impl Tips for Tip<'_> {
    fn tip(&self, feed: FeedShort) -> Option<(SeqNo, [u8; 4])> {
        let (id, head) = self.0.named(feed).next()?;
        let told = ToldHead::of(id, head);
        Some((told.seq, told.hash))
    }
}

/// A head whose hash is as incompressible as a real one.
fn head(number: u32, seq: u64, arrival: u64) -> Head {
    let writer: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
    let hash: [u8; 32] = Sha256::digest([writer.as_slice(), &seq.to_be_bytes()].concat()).into();
    let header = FeedHeader { writer: NodeKey(writer), epoch: Epoch(1), lane: Lane(1) };
    Head { header, seq: SeqNo(seq), hash: Hash(hash), stamp: Stamp(0), signature: [0; 64], arrival: Arrival(arrival) }
}

impl Side {
    fn new(number: u8, feeds: u32) -> anyhow::Result<Self> {
        let node = NodeKey([number; 32]);
        let name = Text::new("Gate 3")?;
        let certificate =
            Certificate { node, role: Role::Lab, name, lane: Lane(1), serial: 1, from: 0, until: u64::MAX };
        let root = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
        let own =
            Own { lanes: Lanes::All, epoch: Epoch(u64::from(number) << 56), certificate: certificate.sign(&root) };
        let mut frontier = Frontier::default();
        (0..feeds).for_each(|n| frontier.set(head(n, HEIGHT, u64::from(n) + 1)));
        let exchange = Exchange::new(own, BTreeMap::new(), frontier.newest(), [number; 32]);
        Ok(Self { exchange, frontier, certificate })
    }

    fn append(&mut self, feeds: std::ops::Range<u32>) {
        for number in feeds {
            let arrival = self.frontier.newest().0 + 1;
            self.frontier.set(head(number, HEIGHT + 1, arrival));
        }
    }
}

struct Pair {
    here: Side,
    there: Side,
    now_ms: u64,
}

/// What was said.
#[derive(Default)]
struct Crossed {
    hello_bytes: usize,
    frames: Vec<(bool, &'static str, usize)>,
}

impl Crossed {
    fn row(&self, name: &'static str, case: String, aim: usize) -> Row {
        let bytes = self.frames.iter().map(|(_, _, bytes)| bytes).sum();
        let turns = self.frames.chunk_by(|(one, ..), (other, ..)| one == other).count();
        let frames: Vec<&str> = self.frames.iter().map(|(_, name, _)| *name).collect();
        Row { name, case, bytes, aim, round_trips: turns.div_ceil(2), frames: frames.join(" ") }
    }
}

fn frame_bytes(frame: &Frame) -> usize {
    frame.to_bytes().len() + LENGTH_BYTES
}

impl Pair {
    fn new(here: u32, there: u32) -> anyhow::Result<Self> {
        Ok(Self { here: Side::new(1, here)?, there: Side::new(2, there)?, now_ms: 0 })
    }

    fn now(&self) -> Now {
        Now { mono: Mono(self.now_ms), wall: Wall(1_649_433_600_000 + self.now_ms) }
    }

    fn root_frame(&self) -> Frame {
        let root = self.here.frontier.root(&Lanes::All).0;
        let root = root.iter().take(swabmesh_protocol::exchange::frame::SYNC_ROOT_BYTES).copied().collect::<Vec<u8>>();
        Frame::Sync { root: root.into(), through: self.here.frontier.newest().0, after: None }
    }

    /// Connects the two, the first dials, and carries frames until nobody says anything more. Chunks are taken as sent.
    fn meet(&mut self) -> anyhow::Result<Crossed> {
        let now = self.now();
        let (here, there) = (self.here.certificate.node, self.there.certificate.node);
        self.here.exchange.connected(now, LINK, (there, true), true, &self.here.frontier);
        self.there.exchange.connected(now, LINK, (here, false), true, &self.there.frontier);
        let mut crossed = Crossed::default();
        loop {
            let mut said = 0;
            for out_of_here in [true, false] {
                let (from, to) =
                    if out_of_here { (&mut self.here, &mut self.there) } else { (&mut self.there, &mut self.here) };
                for out in from.exchange.take_out() {
                    let Out::Send(_, frame) = out else { continue };
                    said += 1;
                    carry(now, from, to, &frame, out_of_here, &mut crossed)?;
                }
            }
            if said == 0 {
                return Ok(crossed);
            }
        }
    }

    fn part(&mut self) {
        let now = self.now();
        self.here.exchange.disconnected(now, LINK);
        self.there.exchange.disconnected(now, LINK);
        self.now_ms += 1;
    }
}

fn carry(
    now: Now,
    from: &mut Side,
    to: &mut Side,
    frame: &Frame,
    out_of_here: bool,
    crossed: &mut Crossed,
) -> anyhow::Result<()> {
    let bytes = frame.to_bytes();
    let frame = Frame::from_bytes(&bytes)?;
    let name = match &frame {
        Frame::Hello(hello) => {
            crossed.hello_bytes += bytes.len() + LENGTH_BYTES;
            to.exchange.welcome(now, LINK, hello, from.certificate.clone(), &to.frontier);
            return Ok(());
        }
        Frame::Want(wants) => {
            for want in wants {
                let (_, head) = to.frontier.named(want.feed).next().context("a feed nobody told of")?;
                let arrival = Arrival(from.frontier.newest().0 + 1);
                from.frontier.set(Head { arrival, ..*head });
                from.exchange.arrived(now, LINK, want.feed, want.to);
                from.exchange.durable(now, None, want.feed, Lane(1), want.to);
            }
            return Ok(());
        }
        Frame::Sync { .. } => "sync",
        Frame::Same { .. } => "same",
        Frame::Told { .. } => "told",
        Frame::Differ { .. } => "differ",
        Frame::Show { .. } => "show",
        Frame::Resume { .. } => "resume",
        Frame::Compare { .. } => "compare",
        Frame::Heads { .. } => "heads",
        Frame::Chunk(_) | Frame::Ack(_) | Frame::Gone(_) | Frame::Bye => "other",
    };
    crossed.frames.push((out_of_here, name, bytes.len() + LENGTH_BYTES));
    let Side { exchange, frontier, .. } = to;
    exchange.frame(now, LINK, frame, frontier, &Tip(frontier));
    Ok(())
}
