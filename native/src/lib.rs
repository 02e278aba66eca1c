//! The native half of statsd-trio: the engine, and many datagrams in one system call.
//!
//! `engine` and the modules below it do not know Python; `python` is the boundary.

pub mod bucket;
pub mod engine;
pub mod head;
pub mod histogram;
pub mod member;
pub mod memory;
#[cfg(feature = "python")]
mod python;
#[cfg(all(feature = "python", target_os = "linux"))]
mod receive;
pub mod sketch;
pub mod value;
