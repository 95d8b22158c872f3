//! A swabmesh node: what surrounds the core with disk, network, pages and pictures.

pub mod advice;
pub mod api;
pub mod audit;
pub mod beside;
pub mod bundle;
pub mod clock;
pub mod config;
pub mod contact;
pub mod durable;
pub mod duties;
pub mod enrolment;
pub mod home;
pub mod http;
pub mod intake;
pub mod keys;
pub mod loopback;
pub mod network;
pub mod page;
pub mod picture;
pub mod reading;
pub mod runtime;
pub mod serve;
pub mod store;
pub mod telemetry;
pub mod telephones;
