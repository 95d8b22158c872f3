//! The swabmesh core: bytes and values in, bytes and values out.
//!
//! No IO, no clock, no randomness of its own: time is an argument, randomness comes from a seed, and
//! storage and network are outputs. The path of the data is the list of modules, and flows one way:
//!
//! ```text
//! scan → verify → register → append →(store: write, fsync)→ announce / exchange → merge → project → desk, results
//! ```
//!
//! Two steps accept raw bytes, `scan` and `merge`: they are the trust boundary.

pub mod answer;
pub mod append;
pub mod bundle;
pub mod cbor;
pub mod certificate;
pub mod chunk;
pub mod clock;
pub mod code;
pub mod command;
pub mod control;
pub mod copies;
pub mod cose;
pub mod desk;
pub mod document;
pub mod enrolment;
pub mod entry;
pub mod exchange;
pub mod fact;
pub mod frontier;
pub mod id;
pub mod io;
pub mod issuing;
pub mod limits;
pub mod merge;
pub mod name;
pub mod parked;
pub mod person;
pub mod policy;
pub mod project;
pub mod receipting;
pub mod register;
pub mod replica;
pub mod restore;
pub mod results;
pub mod roster;
pub mod scan;
pub mod seal;
pub mod sensitive;
pub mod status;
pub mod telephone;
pub mod text;
pub mod time;
pub mod trust;
pub mod tube;
pub mod verify;
pub mod view;
