//! Pictures of codes: drawn for screens and paper, and read from files and camera frames.

pub mod bench;
mod decoder;
pub mod degrade;
mod enhance;
pub mod read;
pub mod render;
pub mod sheet;
