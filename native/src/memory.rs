//! How many bytes something takes, and how many it may take.
//!
//! Estimates, as in the plain engine's `memory.py`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of a head, besides its text.
pub const HEAD_BYTES: usize = 96;
/// Of a string of a set, besides its text.
pub const STRING_BYTES: usize = 40;
/// Of a value kept as it came.
pub const VALUE_BYTES: usize = 10;
/// Of a bin of a sketch, or a value with its weight.
pub const BIN_BYTES: usize = 24;

/// The memory of one kind of thing, counted by all that hold some of it, one at a time.
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

    /// Whether there is room for so many bytes more.
    pub fn has_room(&self, size: usize) -> bool {
        self.used().saturating_add(size) <= self.0.limit.load(Ordering::Relaxed)
    }

    /// Note that something takes *now* bytes that took *before* of them.
    pub fn change(&self, before: usize, now: usize) {
        let used = (self.used() + now).saturating_sub(before);
        self.0.used.store(used, Ordering::Relaxed);
    }
}
