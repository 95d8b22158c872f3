//! A swabmesh node: what surrounds the core with disk, network, pages and pictures.

pub mod network;
pub mod picture;
pub mod runtime;
pub mod store;
