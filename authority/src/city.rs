//! The city as a whole: its projection, reports and exports, decisions, its page, and what is destroyed when its time is over.

pub mod database;
pub mod fold;
pub mod rebuild;
pub mod row;
