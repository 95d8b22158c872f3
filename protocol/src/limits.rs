//! Every bound of the formats and of the protocol, with its unit in its name.

/// Characters in a barcode of a tube or a box.
pub const BARCODE_CHARS_MAX: usize = 32;

/// Characters of a code's text, prefix included. Source: code-format check 4.
pub const CODE_CHARS_MAX: usize = 1_024;

/// Bytes of a scan that are looked at: one character more than a code has, each of four bytes.
pub const SCAN_BYTES_MAX: usize = (CODE_CHARS_MAX + 1) * 4;

/// Bytes of the masked name in a code.
pub const MASKED_NAME_BYTES_MAX: usize = 64;

/// Arrays, maps and tags inside one another in foreign CBOR. The deepest of ours, `cnf` in a code, has three.
pub const CBOR_DEPTH_MAX: usize = 8;

/// Keys of one map whose order is free; sorted maps have no such bound. The largest of ours has eight.
pub const CBOR_KEYS_MAX: usize = 32;

/// Bytes of the signed trust list: about 55 issuer keys, and it travels as one fact.
pub const TRUST_LIST_BYTES_MAX: usize = 3_000;

/// Bytes of the signed policy, which travels as one fact.
pub const POLICY_BYTES_MAX: usize = 1_024;

/// Prefixes of retired services that a policy lists.
pub const LEGACY_PREFIXES_MAX: usize = 8;

/// Codes of one status list. Source: code-format.
pub const STATUS_LIST_BITS_MAX: u32 = 1 << 20;

/// Indices set by one status delta; at five bytes each it still fits a fact.
pub const STATUS_DELTA_INDICES_MAX: usize = 600;

/// Bytes of one signed status list token: 2^20 incompressible bits and their envelope.
pub const STATUS_TOKEN_BYTES_MAX: usize = 136 * 1024;
/// Characters of a document number or a machine-readable zone as entered, spaces and line ends included.
pub const DOCUMENT_CHARS_MAX: usize = 160;

/// Bytes sealed to one reader before encryption: the details of one person, or a key.
pub const SEALED_PLAIN_BYTES_MAX: usize = 1_024;

/// Bytes of one fact. With its envelope it must fit a page of the store.
pub const FACT_BYTES_MAX: usize = 3_072;

/// Feeds named by one statement of what is kept no more. Each is at most four rows of the index and 180 bytes, and what
/// is applied at once must fit one atomic batch.
pub const PRUNED_BASES_MAX: usize = 8;

/// Feeds marked by one fact of a withdrawal. Each is two rows of the index, and eight facts may be applied at once.
pub const WITHDRAWN_MARKS_MAX: usize = 32;

/// Entries of one group commit of a writer.
pub const GROUP_ENTRIES_MAX: usize = 64;

/// Bytes of one chunk as it travels, compressed or not. Source: design §5.
pub const CHUNK_BYTES_MAX: usize = 256 * 1024;

/// Bytes of a chunk's entries before compression: what a receiver sets aside before it unpacks.
pub const CHUNK_PLAIN_BYTES_MAX: usize = 1024 * 1024;

/// Entries of one chunk.
pub const CHUNK_ENTRIES_MAX: usize = 16_384;

/// Bytes of one frame on a stream, checked before anything is allocated. Source: design §5.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of one value in the store's index. Source: 12 of 100 power cuts lost larger values (store-crdt study).
pub const PAGE_BYTES_MAX: usize = 4_096;

const _: () = assert!(CHUNK_BYTES_MAX < FRAME_BYTES_MAX, "a chunk travels in one frame");
const _: () = assert!(FACT_BYTES_MAX + 64 < PAGE_BYTES_MAX, "an entry fits one page");
const _: () = assert!(TRUST_LIST_BYTES_MAX < FACT_BYTES_MAX, "a trust list travels as one fact");
const _: () = assert!(STATUS_DELTA_INDICES_MAX * 5 + 32 < FACT_BYTES_MAX, "a status delta travels as one fact");
const _: () = assert!(GROUP_ENTRIES_MAX * FACT_BYTES_MAX < CHUNK_BYTES_MAX, "a group commit fits one chunk");

/// Earlier registrations of one person a desk is shown.
pub const PRIOR_MAX: usize = 8;

/// Bytes of sealed details in a registration. Source: documents have no longer fields; guess for addresses.
pub const DETAILS_BYTES_MAX: usize = 1_200;

/// Heads in one frame. More are told in several, or found by the next comparison: a city has as many feeds as it has.
pub const FRAME_HEADS_MAX: usize = 32_768;

/// Ranges asked for, or acknowledged, in one frame.
pub const FRAME_WANTS_MAX: usize = 64;

/// Feeds wanted from one peer at a time; more are wanted once those have come.
pub const WANTED_FEEDS_MAX: usize = FRAME_HEADS_MAX;

/// Ranges one peer may have queued here.
pub const SERVE_QUEUE_MAX: usize = 2 * FRAME_WANTS_MAX;

/// Bytes of chunks sent to one peer and not yet durable there: what a peer that is killed is sent again.
///
/// Source: `swabmesh bench heal`, which shows both that and the speed.
pub const UNACKED_BYTES_MAX: usize = CHUNK_BYTES_MAX;

/// Bytes of a chunk made for a peer, so that several are under way in [`UNACKED_BYTES_MAX`]. One whose writer
/// checkpointed too rarely is longer.
pub const SERVED_CHUNK_BYTES_MAX: usize = CHUNK_BYTES_MAX / 4;

/// Bytes of chunks held back because their writer's certificate has not arrived yet.
pub const PARKED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Codes issued by one command: four groups of the log, some 5 ms of signing. Source: `swabmesh bench issue`.
pub const ISSUE_MANY_MAX: usize = 4 * GROUP_ENTRIES_MAX;

/// Histories kept of one cut feed. Source: guess; a machine and its clone make two, more is an attack.
pub const QUARANTINE_BRANCHES_MAX: usize = 8;

/// Entries kept of one history above a cut. Source: a busy site's month, 1,700 registrations a day.
pub const QUARANTINE_ENTRIES_MAX: u64 = 65_536;

/// Feeds of a peer of which it is told in the hello what is held here; the newest ones.
pub const HELLO_HEADS_MAX: usize = 32;

/// New epochs in a day that rest on a peer's word alone; more need a chunk that we signed, or a receipt.
///
/// A disk is restored between two starts, and the count begins with each: one is enough for an honest city. Source: guess.
pub const HINTED_EPOCHS_MAX: u32 = 4;

/// Commands that may wait for the store at a time.
pub const COMMANDS_MAX: usize = 1_024;

/// Bytes of a bundle's manifest: 150,000 feeds in it and as many heads of its maker.
pub const BUNDLE_MANIFEST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of every other record of a bundle.
pub const BUNDLE_RECORD_BYTES_MAX: usize = CHUNK_BYTES_MAX;

/// Bytes of a damaged bundle hashed in vain before no more of it is tried: a thousand damaged chunks of full size.
pub const BUNDLE_VAIN_BYTES_MAX: usize = 1024 * CHUNK_BYTES_MAX;

/// Chunks of a feed that may still come when a peer is asked for what proves a fork. Source: guess; more than the window
/// of unacknowledged bytes holds.
pub const SUSPECT_STRAYS_MAX: u8 = 16;

/// Pieces of a bundle on their way to the disk at a time: a megabyte.
pub const BUNDLE_UNDER_WAY_MAX: usize = 4;

/// Chunks of a bundle that did not fit when they came and are tried once more at its end. Four mebibytes.
pub const BUNDLE_AGAIN_MAX: usize = 16;

/// How long a bundle waits until what arrived is written, signed for and shown. Milliseconds.
///
/// Source: twice the interval of receipts that a policy has by default.
pub const BUNDLE_SETTLES_MS_MAX: u64 = 10_000;

/// Bytes of a bundle shown as QR frames: twenty days of a busy site, some minutes in front of a camera.
pub const SERIES_BYTES_MAX: u32 = 2 * 1024 * 1024;

/// Frames that one bundle needs when it is shown: what a receiver sets aside for the first frame it sees, 24 bytes each.
pub const SERIES_SYMBOLS_MAX: u32 = 8_192;

/// Characters of a frame behind its prefix: the largest QR symbol holds 4,296.
pub const SERIES_FRAME_CHARS_MAX: usize = 4_296;

/// Bundles of which frames are gathered at once, 2 MiB and their frames each.
pub const SERIES_AT_ONCE_MAX: usize = 16;

/// Different frames above the needed number after which a bundle that does not come out never will: one of them is false.
/// With k above, an honest bundle stays incomplete in fewer than 1 of 256^(k + 1) cases (RFC 6330).
pub const SERIES_SURPLUS_MAX: usize = 32;
