//! Every bound of the formats and of the protocol, with its unit in its name.

/// Characters in a barcode of a tube or a box.
pub const BARCODE_CHARS_MAX: usize = 32;

/// Characters of a code's text, prefix included. Source: code-format check 4.
pub const CODE_CHARS_MAX: usize = 1_024;

/// Characters of a document number or a machine-readable zone as entered, spaces and line ends included.
pub const DOCUMENT_CHARS_MAX: usize = 160;

/// Bytes sealed to one reader before encryption: the details of one person, or a key.
pub const SEALED_PLAIN_BYTES_MAX: usize = 1_024;

/// Bytes of one fact. With its envelope it must fit a page of the store.
pub const FACT_BYTES_MAX: usize = 3_072;

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
const _: () = assert!(GROUP_ENTRIES_MAX * FACT_BYTES_MAX < CHUNK_BYTES_MAX, "a group commit fits one chunk");
