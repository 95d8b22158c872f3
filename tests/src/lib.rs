//! What the end-to-end tests share: the binary, foreign tools, and the rules the repository itself has to keep.

pub mod access;
pub mod browser;
pub mod hall;
pub mod place;
pub mod program;
pub mod repository;
pub mod site;
pub mod tidy;
pub mod tool;
pub mod wait;
