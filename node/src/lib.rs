//! A swabmesh node: store, network, desk and authority around the core.

pub mod api;
pub mod clock;
pub mod config;
pub mod durable;
pub mod duties;
pub mod enrolment;
pub mod home;
pub mod http;
pub mod intake;
pub mod keys;
pub mod reading;
pub mod runtime;
pub mod serve;
pub mod telemetry;
