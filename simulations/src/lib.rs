//! Worlds of simulated nodes around the production core.
//!
//! Everything that a node meets is simulated, nothing of the node itself: clocks, links, disks, people and
//! faults follow from a scenario and a seed, one event after another. Equal arguments give equal runs, shown by
//! the hash of the trace.
//!
//! A run has two phases. *Safety*: anything may break, and nothing wrong may become visible. *Liveness*: everything
//! is healed, and the city must agree within a bound of virtual time.

pub mod adversary;
pub mod chance;
pub mod checks;
pub mod city;
pub mod clock;
mod courier;
pub mod disk;
mod faults;
pub mod history;
pub mod network;
pub mod node;
pub mod queue;
pub mod report;
pub mod run;
pub mod scenario;
pub mod signatures;
pub mod trace;
pub mod workload;
pub mod world;
