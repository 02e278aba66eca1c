//! How many bytes something takes, and how many it may take.
//!
//! Estimates, as in the plain engine's `memory.py`.

use std::cell::Cell;
use std::rc::Rc;

/// Of a head, besides its text.
pub const HEAD_BYTES: usize = 96;
/// Of a string of a set, besides its text.
pub const STRING_BYTES: usize = 40;
/// Of a value kept as it came.
pub const VALUE_BYTES: usize = 10;
/// Of a bin of a sketch, or a value with its weight.
pub const BIN_BYTES: usize = 24;

/// The memory of one kind of thing, counted by all that hold some of it.
#[derive(Clone)]
pub struct Share(Rc<Held>);

struct Held {
    used: Cell<usize>,
    limit: Cell<usize>,
}

impl Default for Share {
    fn default() -> Self {
        Self(Rc::new(Held {
            used: Cell::new(0),
            limit: Cell::new(usize::MAX),
        }))
    }
}

impl Share {
    pub fn used(&self) -> usize {
        self.0.used.get()
    }

    pub fn set_limit(&self, limit: usize) {
        self.0.limit.set(limit);
    }

    /// Whether there is room for so many bytes more.
    pub fn has_room(&self, size: usize) -> bool {
        self.used().saturating_add(size) <= self.0.limit.get()
    }

    /// Note that something takes *now* bytes that took *before* of them.
    pub fn change(&self, before: usize, now: usize) {
        self.0.used.set((self.used() + now).saturating_sub(before));
    }
}
