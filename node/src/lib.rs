//! A swabmesh node: what surrounds the core with disk, network, pages and pictures.

pub mod picture;
pub mod store;
