//! A swabmesh node: what surrounds the core with disk, network and pages.

pub mod store;
