//! The city's projection against a real database and real stores.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod exports;
mod office;
mod postgres;
mod projection;
mod retention;
mod telephone;
mod world;
