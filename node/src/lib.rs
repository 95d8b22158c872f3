//! A swabmesh node around the core: store, network, pages and pictures.

pub mod picture;
