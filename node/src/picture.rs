//! Pictures of codes: drawn for screens and paper, and read from files and camera frames.

pub mod animation;
pub mod bench;
mod decoder;
pub mod degrade;
mod enhance;
pub mod film;
pub mod read;
pub mod render;
pub mod sheet;
mod y4m;
