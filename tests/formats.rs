//! docs/formats.md against the program: its examples are made again, its tables compared with the source.
//!
//! A failure prints what the document should hold.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fmt::Write;

use ed25519_dalek::SigningKey;
use swabmesh_protocol::bundle::series::Series;
use swabmesh_protocol::bundle::{Aim, Line, Manifest, Planned, Writing};
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::chunk::OpenedChunk;
use swabmesh_protocol::document::age::day_in_shanghai;
use swabmesh_protocol::document::{DocumentType, check};
use swabmesh_protocol::enrolment::JoinRequest;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::exchange::frame::{Frame, Held, Hello, SYNC_ROOT_BYTES, ToldHead, Want, encode_heads};
use swabmesh_protocol::exchange::packed::encode_packed;
use swabmesh_protocol::fact::{Fact, Opened, Registered, Role, Route, Sealed, Status, Subject};
use swabmesh_protocol::frontier::{Frontier, Head, Lanes};
use swabmesh_protocol::id::{CodeId, EntryId, Epoch, FeedHeader, Hash, Lane, SeqNo, hex};
use swabmesh_protocol::io::Arrival;
use swabmesh_protocol::person::PersonKey;
use swabmesh_protocol::project::{Rules, apply};
use swabmesh_protocol::seal::{Purpose, SealSecret, open_bytes, seal_bytes};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::{Stamp, Wall};
use swabmesh_protocol::trust::{IssuerKey, TrustList};
use swabmesh_protocol::tube::{Document, DocumentFact};
use swabmesh_protocol::view::{Batch, MemoryTables};
use swabmesh_tests::repository::{read, sources};

/// 9 April 2022, 00:00 in Shanghai.
const START: Wall = Wall(1_649_433_600_000);
/// Bytes in one line of hexadecimal.
const LINE_BYTES: usize = 48;

/// A named example: one line for each value, long ones broken.
#[derive(Default)]
struct Example(String);

impl Example {
    fn value(mut self, name: &str, bytes: &[u8]) -> Self {
        for (at, line) in bytes.chunks(LINE_BYTES).enumerate() {
            let label = if at == 0 { name } else { "" };
            writeln!(self.0, "{label:<12}{}", hex(line)).unwrap();
        }
        self
    }

    #[track_caller]
    fn stands_in_the_document(self) {
        stands_in_the_document(&format!("```text\n{}```\n", self.0));
    }
}

#[track_caller]
fn stands_in_the_document(block: &str) {
    let document = read("docs/formats.md").unwrap();
    assert!(document.contains(block), "docs/formats.md is stale. It should hold:\n\n{block}");
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn header() -> FeedHeader {
    FeedHeader { writer: node_key(&key()), epoch: Epoch(0x0102_0304_0506_0708), lane: Lane(4) }
}

/// A tube of two, opened, one person registered 700 ms later, and sealed within the same millisecond.
fn facts() -> [Fact; 3] {
    let tube = "T-0001".parse().unwrap();
    let operator = Text::new("op1").unwrap();
    let today = day_in_shanghai(START);
    let card = check(DocumentType::IdentityCard, "11010519491231002X", today).unwrap();
    [
        Opened { tube, pool: 5, operator: operator.clone(), seen: None }.into(),
        Registered {
            tube: "T-0001".parse().unwrap(),
            person: PersonKey::new([5; 32]).person(&card),
            route: Route::Static,
            document: 1,
            last_four: Text::new("002X").unwrap(),
            name: Text::new("张*三").unwrap(),
            operator: operator.clone(),
            warnings: 0,
            code: Some(CodeId([9; 8])),
            guardian: None,
            reason: None,
            details: None,
            seen: None,
        }
        .into(),
        Sealed { tube: "T-0001".parse().unwrap(), count: 1, operator, seen: None }.into(),
    ]
}

fn stamps() -> [Stamp; 3] {
    let opened = Stamp::default().next(START);
    let registered = opened.next(Wall(START.0 + 700));
    [opened, registered, registered.next(Wall(START.0 + 700))]
}

fn chunk() -> OpenedChunk {
    let facts = stamps().into_iter().zip(facts().map(|fact| fact.to_bytes()));
    OpenedChunk::write(&key(), header(), (SeqNo(0), Hash::ZERO), facts)
}

fn head() -> Head {
    let chunk = chunk();
    let last = chunk.entries.last().unwrap();
    Head {
        header: chunk.header,
        seq: last.seq,
        hash: last.hash,
        stamp: last.stamp,
        signature: chunk.checkpoint.signature,
        arrival: Arrival(1),
    }
}

#[test]
fn the_example_of_a_feed_is_the_one_in_the_document() {
    let chunk = chunk();
    let mut example = Example::default().value("writer", &chunk.header.writer.0).value("feed", &chunk.header.id().0);
    for entry in &chunk.entries {
        example = example
            .value(&format!("stamp {}", entry.seq.0), &entry.stamp.0.to_be_bytes())
            .value(&format!("fact {}", entry.seq.0), &entry.fact)
            .value(&format!("hash {}", entry.seq.0), &entry.hash.0);
    }
    let sealed = chunk.seal();
    assert_eq!(sealed.open().unwrap(), chunk);
    example.value("signature", &chunk.checkpoint.signature).value("chunk", sealed.as_bytes()).stands_in_the_document();
}

#[test]
fn the_example_of_every_frame_is_the_one_in_the_document() {
    let mut frontier = Frontier::default();
    frontier.set(head());
    let short = header().id().short();
    let told: Vec<ToldHead> = frontier.heads().map(|(id, head)| ToldHead::of(id, head)).collect();
    let (heads, packed) = (encode_heads(told.clone()), encode_packed(told));
    let root = frontier.root(&Lanes::All).0[..SYNC_ROOT_BYTES].to_vec();
    let want = Want { feed: short, from: SeqNo(1), to: SeqNo(3) };
    let hello = Hello {
        version_min: 1,
        version_max: 1,
        certificate: vec![0xcc; 4].into(),
        epoch: Epoch(7),
        arrivals: 1,
        wall: START.0,
        yours: None,
    };
    let mut show = vec![0; 16];
    let bucket = usize::from(header().id().0[0] >> 1);
    show[bucket / 8] = 1 << (bucket % 8);
    let frames = [
        ("hello", Frame::Hello(hello)),
        ("resume", Frame::Resume { epoch: Epoch(7), after: 1 }),
        ("compare", Frame::Compare { root: frontier.root(&Lanes::All) }),
        ("same", Frame::Same { through: 1 }),
        ("show", Frame::Show { buckets: show.into() }),
        ("heads", Frame::Heads { through: Some(1), heads: heads.into() }),
        ("want", Frame::Want(vec![want])),
        ("chunk", Frame::Chunk(vec![0xdd; 4].into())),
        ("ack", Frame::Ack(vec![Held { feed: short, seq: SeqNo(3) }])),
        ("gone", Frame::Gone(want)),
        ("bye", Frame::Bye),
        ("sync", Frame::Sync { root: root.into(), through: 1, after: None }),
        ("told", Frame::Told { through: Some(1), after: None, heads: packed.into() }),
    ];
    let mut example = Example::default();
    for (name, frame) in frames {
        let bytes = frame.to_bytes();
        assert_eq!(Frame::from_bytes(&bytes), Ok(frame));
        example = example.value(name, &bytes);
    }
    let differ = Frame::differ(&frontier, &Lanes::All).to_bytes();
    example.value("differ head", &differ[..8]).stands_in_the_document();
}

#[test]
fn the_example_of_joining_is_the_one_in_the_document() {
    let root = SigningKey::from_bytes(&[1; 32]);
    let name = Text::new("Xuhui 12").unwrap();
    let certificate = Certificate {
        node: node_key(&key()),
        role: Role::Site,
        name: name.clone(),
        lane: Lane(4),
        serial: 1,
        from: 1_649_433_600,
        until: 1_680_969_600,
    }
    .sign(&root);
    let (_, public) = SealSecret::derive(&[9; 32]);
    let request = JoinRequest { node: node_key(&key()), role: Role::Site, name, lane: Lane(4), seal_key: public.0 };
    let issuer = SigningKey::from_bytes(&[2; 32]);
    let trust = TrustList::new(1, vec![IssuerKey::new(issuer.verifying_key())]);
    let example = Example::default()
        .value("root", &node_key(&root).0)
        .value("certificate", &certificate)
        .value("trust list", &trust.sign(&root, swabmesh_protocol::cose::Algorithm::EdDsa).unwrap());
    let mut text = example.0;
    writeln!(text, "request     {}", request.to_text(&key())).unwrap();
    stands_in_the_document(&format!("```text\n{text}```\n"));
}

#[test]
fn the_example_of_sealing_is_the_one_in_the_document() {
    let (secret, public) = SealSecret::derive(&[9; 32]);
    let purpose = Purpose::PersonKey(node_key(&key()));
    let sealed = seal_bytes(&public, &purpose, [6; 32], &[5; 32]).unwrap();
    assert_eq!(open_bytes(&secret, &purpose, &sealed).unwrap().as_slice(), [5; 32]);
    Example::default()
        .value("secret", secret.expose())
        .value("public", &public.0)
        .value("plain", &[5; 32])
        .value("sealed", &sealed)
        .stands_in_the_document();
}

#[test]
fn the_example_of_a_document_is_the_one_in_the_document() {
    let feed = header().id();
    let facts = chunk().entries.into_iter().map(|entry| DocumentFact {
        id: EntryId { feed, seq: entry.seq },
        writer: header().writer,
        stamp: entry.stamp,
        fact: Fact::from_bytes(&entry.fact).unwrap(),
    });
    let document = Document::build(Subject::Tube("T-0001".parse().unwrap()), facts, &|_| true);
    let heads = document.heads();
    assert_eq!(heads.len(), 1);
    Example::default().value("change hash", &heads[0]).value("file", &document.save()).stands_in_the_document();
}

#[test]
fn the_example_of_a_status_statement_is_the_one_in_the_document() {
    let delta = Status { list: 17, bits: 1 << 20, issued_at_s: 1_649_433_600, set: vec![5, 9, 39_321] };
    Example::default().value("fact", &Fact::from(delta).to_bytes()).stands_in_the_document();
}

#[test]
fn the_example_of_a_bundle_is_the_one_in_the_document() {
    let mut tables = MemoryTables::default();
    let rules = Rules { window_ms: 0, role_of: &|_| Some(Role::Site), keys_max: 1_000, prunes: false };
    let mut batch = Batch::new(&tables);
    apply(&mut batch, &chunk(), Arrival(1), &rules).unwrap();
    let writes = batch.into_writes();
    tables.apply(writes);
    let root = node_key(&SigningKey::from_bytes(&[1; 32]));
    let line = Line { header: header(), from: SeqNo(1), to: SeqNo(3), receipted: SeqNo(0), neighbour: SeqNo(2) };
    let manifest = Manifest {
        root,
        maker: node_key(&key()),
        epoch: header().epoch,
        made: START,
        aim: Aim::Authority,
        lanes: Some(vec![Lane::CITY, Lane(4)]),
        held: vec![(header().id(), SeqNo(3))],
        lines: Vec::new(),
    };
    let planned = vec![Planned { name: header().id(), line }];
    let writing = Writing::new(&tables, manifest, planned, vec![vec![0xcc; 4]]);
    let records: Vec<Vec<u8>> = writing.collect::<Result<_, _>>().unwrap();
    let [first, certificate, chunk, end] = records.as_slice() else { panic!("{records:?}") };
    Example::default()
        .value("manifest", first)
        .value("certificate", certificate)
        .value("chunk", &chunk[..21])
        .value("end", end)
        .stands_in_the_document();
}

/// The fields of a body in `fact/body.rs`, in the order of their numbers, optional ones in brackets.
fn fields(source: &str, name: &str) -> String {
    let Some((_, rest)) = source.split_once(&format!("pub struct {name} {{")) else {
        // A status statement has its own form, described below the table.
        return "see below".to_owned();
    };
    let body = rest.split("\n}").next().unwrap();
    let lines = body.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": "));
    let fields = lines.map(|(field, kind)| match kind {
        "Seen," => "[seen]".to_owned(),
        kind if kind.starts_with("Option<") => format!("[{field}]"),
        _ => field.to_owned(),
    });
    fields.collect::<Vec<_>>().join(", ")
}

#[test]
fn the_table_of_facts_is_the_one_in_the_source() {
    let body = ["body", "forks"].map(|file| read(&format!("protocol/src/fact/{file}.rs")).unwrap()).concat();
    let source = read("protocol/src/fact.rs").unwrap();
    let rows = source.split("\nfacts! {\n").nth(1).unwrap().split("\n}").next().unwrap();
    let mut table = "| kind | fact | who may state it | body |\n|---|---|---|---|\n".to_owned();
    for row in rows.lines().map(str::trim).filter(|row| row.starts_with(|first: char| first.is_ascii_digit())) {
        let (number, rest) = row.split_once(' ').unwrap();
        let (name, roles) = rest.trim_end_matches("];").split_once(" [").unwrap();
        let roles = roles.to_lowercase().replace(' ', ", ");
        writeln!(table, "| {number} | {name} | {roles} | {} |", fields(&body, name)).unwrap();
    }
    assert!(table.lines().count() > 20, "the facts were not found in the source:\n{table}");
    stands_in_the_document(&table);
}

#[test]
fn the_values_of_the_policy_are_those_in_the_source() {
    let source = read("protocol/src/policy.rs").unwrap();
    let rows = source.split("\npolicy! {\n").nth(1).unwrap().split("\n}").next().unwrap();
    let mut table = "| key | name | value |\n|---|---|---|\n".to_owned();
    let mut said = Vec::new();
    for line in rows.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("/// ") {
            said.push(words);
        } else {
            let (number, rest) = line.split_once(' ').unwrap();
            let name = rest.split(':').next().unwrap();
            writeln!(table, "| {number} | `{name}` | {} |", said.join(" ")).unwrap();
            said.clear();
        }
    }
    stands_in_the_document(&table);
}

/// The tables and the sentences about tables in the module docs, line ends taken out of the sentences.
fn described(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let paragraphs = lines.split(|line| line.is_empty());
    let wanted = paragraphs
        .filter(|lines| lines.first().is_some_and(|first| first.starts_with("Table `") || first.starts_with('|')));
    wanted.map(|lines| lines.join(if lines[0].starts_with('|') { "\n" } else { " " })).collect()
}

#[test]
fn the_rows_of_every_table_are_those_in_the_source() {
    let document = read("docs/formats.md").unwrap();
    let plain = document.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut missing = String::new();
    let mut found = 0;
    let places = ["protocol/src/project", "protocol/src/tube/key.rs", "protocol/src/seal/details.rs"];
    for source in sources().unwrap().iter().filter(|source| places.iter().any(|place| source.path.starts_with(place))) {
        for paragraph in described(&source.text) {
            found += 1;
            // Rustdoc's links to types are plain names in the document.
            let paragraph = paragraph.replace("[`", "`").replace("`]", "`");
            if !plain.contains(&paragraph.split_whitespace().collect::<Vec<_>>().join(" ")) {
                missing += &format!("from {}:\n{paragraph}\n\n", source.path);
            }
        }
    }
    assert!(found > 10, "only {found} paragraphs about tables were found in the source");
    assert!(missing.is_empty(), "docs/formats.md is stale. It should hold:\n\n{missing}");
}

#[test]
fn the_example_of_a_series_of_frames_is_the_one_in_the_document() {
    let bundle: Vec<u8> = (0..48).collect();
    let series = Series::new(bundle, 20).unwrap();
    let texts: Vec<String> = series.texts(1).collect();
    let [first, second, third, repair] = texts.as_slice() else { panic!("{texts:?}") };
    stands_in_the_document(&format!(
        "```text\nframe 0     {first}\nframe 1     {second}\nframe 2     {third}\nframe 3     {repair}\n```\n"
    ));
}
