//! Exchange: what two nodes say to each other until both hold the same.
pub mod frame;
pub mod pull;
pub mod serve;
