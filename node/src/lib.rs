//! A swabmesh node: store, network, desk and authority around the core.

pub mod api;
pub mod config;
pub mod durable;
pub mod enrolment;
pub mod home;
pub mod intake;
pub mod keys;
pub mod runtime;
pub mod telemetry;
