//! Estimate how many bytes things take, and limit how many they may take.
//!
//! The estimates are those of the plain engine's `memory.py`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes of a head, without its text.
pub const HEAD_BYTES: usize = 96;
/// The bytes of a string of a set, without its text.
pub const STRING_BYTES: usize = 40;
/// The bytes of a value stored as it arrived.
pub const VALUE_BYTES: usize = 10;
/// The bytes of a bin of a sketch, or of a value with its weight.
pub const BIN_BYTES: usize = 24;

/// The memory of one kind of data, counted by each of its holders in turn.
#[derive(Clone)]
pub struct Share(Arc<Held>);

struct Held {
    used: AtomicUsize,
    limit: AtomicUsize,
}

impl Default for Share {
    fn default() -> Self {
        Self(Arc::new(Held { used: AtomicUsize::new(0), limit: AtomicUsize::new(usize::MAX) }))
    }
}

impl Share {
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    pub fn set_limit(&self, limit: usize) {
        self.0.limit.store(limit, Ordering::Relaxed);
    }

    /// Whether there is room for this many more bytes.
    pub fn has_room(&self, size: usize) -> bool {
        self.used().saturating_add(size) <= self.0.limit.load(Ordering::Relaxed)
    }

    /// Note that something that took *before* bytes takes *now* bytes.
    pub fn change(&self, before: usize, now: usize) {
        let used = (self.used() + now).saturating_sub(before);
        self.0.used.store(used, Ordering::Relaxed);
    }
}
