//! The engine without Python: it adds values of lines to the accumulators of a bucket.
//!
//! A context is a *handle* here, a number that the owner of the contexts was given.
//! Whatever is in doubt is left to the caller, who adds it by the exact path.

use memchr::memchr;

use crate::bucket::{Bucket, Entry, Number};
use crate::head::{HeadCache, Target};
use crate::histogram::{Histogram, MAX_COUNT};
use crate::member::{Hashers, Members, shorten};
use crate::memory::{BIN_BYTES, STRING_BYTES, Share, VALUE_BYTES};
use crate::sketch::{QuantileSketch, Weight};
use crate::value::{is_member, read_number};

/// Means that there is no handle.
pub const NONE: u32 = u32::MAX;

/// The metric types, numbered as in `engine/context.py`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Set,
    Histogram,
    Timer,
    Distribution,
}

impl Kind {
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Counter, Self::Gauge, Self::Set, Self::Histogram, Self::Timer, Self::Distribution]
            .get(usize::from(number))
            .copied()
    }
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This many values of it were added.
    Added(usize),
    /// The rules filter the line, and its value is good.
    Filtered,
    /// The line is empty.
    Empty,
    /// Nothing was done; the caller must read the line.
    InDoubt,
}

/// Why a value was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    Overflow,
    SetValues,
    Memory,
}

#[derive(Clone, Copy)]
struct Handle {
    kind: Kind,
    /// Whether `take_line` leaves the lines of this context to the caller.
    is_exact: bool,
    /// Where the values of a histogram are copied to.
    copy: u32,
    /// Heads with another serial number belong to a previous owner of the handle.
    serial: u32,
    /// The index in the bucket with the number *bucket*.
    epoch: u32,
    /// Of its accumulator.
    index: u32,
}

/// The limits of an engine.
#[derive(Clone, Copy)]
pub struct Limits {
    pub max_heads: usize,
    /// The limit over all sets of a bucket.
    pub max_set_values: usize,
    pub max_bin_count: u64,
}

pub struct Engine {
    limits: Limits,
    heads: HeadCache,
    handles: Vec<Handle>,
    bucket: Bucket,
    epoch: u32,
    now: u32,
    hashers: Hashers,
    set_values: usize,
    /// The memory for strings of sets, including those of closed buckets.
    pub set_memory: Share,
    /// The memory for values of histograms, timers and distributions, likewise.
    pub value_memory: Share,
    /// How many values were only kept to a sketch's precision since the start.
    pub condensed: u64,
    /// The numbers of one line; kept to save an allocation.
    numbers: Vec<f64>,
}

impl Engine {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            heads: HeadCache::new(limits.max_heads),
            handles: Vec::new(),
            bucket: Bucket::default(),
            epoch: 0,
            now: 0,
            hashers: Hashers::default(),
            set_values: 0,
            set_memory: Share::default(),
            value_memory: Share::default(),
            condensed: 0,
            numbers: Vec::new(),
        }
    }

    pub fn is_used(&self) -> bool {
        self.bucket.is_used
    }

    pub fn head_memory(&self) -> &Share {
        &self.heads.memory
    }

    pub fn head_count(&self) -> usize {
        self.heads.count()
    }

    /// Begin to use *handle*, which is new or was given up before, for a context.
    pub fn open_handle(&mut self, handle: u32, kind: Kind) {
        let index = handle as usize;
        let serial = self.handles.get(index).map_or(0, |old| old.serial.wrapping_add(1));
        let opened = Handle {
            kind,
            is_exact: false,
            copy: NONE,
            serial,
            epoch: self.epoch.wrapping_sub(1),
            index: 0,
        };
        if index == self.handles.len() {
            self.handles.push(opened);
        } else {
            self.handles[index] = opened;
        }
    }

    /// Make the heads of *handle* lead nowhere.
    pub fn forget(&mut self, handle: u32) {
        let handle = &mut self.handles[handle as usize];
        handle.serial = handle.serial.wrapping_add(1);
    }

    pub fn forget_heads(&mut self) {
        self.heads.forget_all();
    }

    pub fn set_copy(&mut self, handle: u32, copy: u32) {
        self.handles[handle as usize].copy = copy;
    }

    pub fn require_exact(&mut self, handle: u32) {
        self.handles[handle as usize].is_exact = true;
    }

    pub fn is_filled(&self, handle: u32) -> bool {
        self.handles[handle as usize].epoch == self.epoch
    }

    pub fn advance(&mut self, now: u32) {
        self.now = now;
        self.heads.advance(now);
    }

    /// Open the next bucket, and return the last one.
    pub fn close(&mut self) -> Bucket {
        self.epoch = self.epoch.wrapping_add(1);
        self.set_values = 0;
        std::mem::take(&mut self.bucket)
    }

    /// Remember where the values of a head go, from the second time it is seen.
    pub fn learn(&mut self, line: &[u8], handle: u32, kind: Kind, sample_rate: f64) {
        let Some((name, _, tail)) = split_line(line) else {
            return;
        };
        let target = if handle == NONE {
            Target::Filtered { is_set: kind == Kind::Set }
        } else {
            Target::Context { handle, serial: self.handles[handle as usize].serial, sample_rate }
        };
        self.heads.learn(name, tail, target, self.now);
    }

    /// Add the values of a line, if its head is known and no value is in doubt.
    pub fn take_line(&mut self, line: &[u8]) -> Outcome {
        let Some((name, value, tail)) = split_line(line) else {
            return if line.is_empty() || line == b"\r" {
                Outcome::Empty
            } else {
                Outcome::InDoubt
            };
        };
        let (handle, serial, sample_rate) = match self.heads.find(name, tail, self.now) {
            None => return Outcome::InDoubt,
            Some(Target::Filtered { is_set }) => {
                let is_good = if is_set {
                    is_member(value)
                } else {
                    split_values(value).all(|item| read_number(item).is_some())
                };
                return if is_good { Outcome::Filtered } else { Outcome::InDoubt };
            }
            Some(Target::Context { handle, serial, sample_rate }) => (handle, serial, sample_rate),
        };
        let held = &self.handles[handle as usize];
        let added = if held.serial != serial || held.is_exact {
            None
        } else if held.kind == Kind::Set {
            (is_member(value) && self.add_member(handle, value).is_ok()).then_some(1)
        } else if let Some(number) = read_number(value) {
            let added = self.add_number(handle, number, sample_rate);
            added.is_ok().then_some(1)
        } else {
            self.add_packed(handle, value, sample_rate)
        };
        added.map_or(Outcome::InDoubt, Outcome::Added)
    }

    /// Add several numbers, separated by colons: either all or none of them.
    fn add_packed(&mut self, handle: u32, text: &[u8], sample_rate: f64) -> Option<usize> {
        memchr(b':', text)?;
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.clear();
        let are_good = split_values(text).all(|item| {
            let number = read_number(item);
            numbers.extend(number);
            number.is_some()
        });
        let count = numbers.len();
        let is_added = are_good && self.has_room(handle, count, sample_rate);
        if is_added {
            for number in &numbers {
                // No number is dropped: they are small, and there is room.
                let _ = self.add_number(handle, *number, sample_rate);
            }
        }
        self.numbers = numbers;
        is_added.then_some(count)
    }

    /// Whether there is room for this many more small values.
    fn has_room(&self, handle: u32, values: usize, sample_rate: f64) -> bool {
        let held = &self.handles[handle as usize];
        if matches!(held.kind, Kind::Counter | Kind::Gauge) {
            return true;
        }
        let index = held.index as usize;
        #[allow(clippy::cast_precision_loss)] // far below 2^53
        let (count, more) = if held.epoch != self.epoch {
            (0.0, values as f64)
        } else if held.kind == Kind::Distribution {
            (self.bucket.sketches[index].held.count as f64, values as f64)
        } else {
            (self.bucket.histograms[index].held.count(), values as f64)
        };
        // A value may need a bin of its own.
        count + more * Weight::of_rate(sample_rate).scale < MAX_COUNT
            && self.value_memory.has_room(values * BIN_BYTES)
    }

    /// Add a finite number to a context that is not a set.
    ///
    /// # Errors
    ///
    /// Fails if the total could not be sent; nothing is added then.
    pub fn add_number(&mut self, handle: u32, value: f64, sample_rate: f64) -> Result<(), Dropped> {
        let held = self.handles[handle as usize];
        let is_open = held.epoch == self.epoch;
        let index = held.index as usize;
        let seen = self.now;
        self.bucket.is_used = true;
        match held.kind {
            Kind::Counter => {
                let added = value * Weight::of_rate(sample_rate).scale;
                let before = if is_open { self.bucket.counters[index].value } else { 0.0 };
                let value = before + added;
                if !value.is_finite() {
                    return Err(Dropped::Overflow);
                }
                let total = Number { handle, seen, value };
                if is_open {
                    self.bucket.counters[index] = total;
                } else {
                    self.mark_filled(handle, self.bucket.counters.len());
                    self.bucket.counters.push(total);
                }
            }
            Kind::Gauge => {
                let last = Number { handle, seen, value };
                if is_open {
                    self.bucket.gauges[index] = last;
                } else {
                    self.mark_filled(handle, self.bucket.gauges.len());
                    self.bucket.gauges.push(last);
                }
            }
            Kind::Set => return Err(Dropped::SetValues),
            Kind::Histogram | Kind::Timer => {
                self.add_to_histogram(handle, value, sample_rate)?;
                if held.copy != NONE {
                    // What the copy cannot hold is not counted, because it is only a
                    // copy.
                    let _ = self.add_number(held.copy, value, sample_rate);
                }
            }
            Kind::Distribution => {
                let index = self.open_sketch(handle);
                let entry = &mut self.bucket.sketches[index];
                entry.seen = seen;
                if !self.value_memory.has_room(VALUE_BYTES) {
                    return Err(Dropped::Memory);
                }
                let before = entry.held.size();
                if !entry.held.add(value, Weight::of_rate(sample_rate)) {
                    return Err(Dropped::Overflow);
                }
                self.value_memory.change(before, entry.held.size());
            }
        }
        Ok(())
    }

    /// Add a string to a set.
    ///
    /// # Errors
    ///
    /// Fails if the sets of this bucket are full, and the string is not in this set
    /// yet.
    pub fn add_member(&mut self, handle: u32, text: &[u8]) -> Result<(), Dropped> {
        self.bucket.is_used = true;
        let index = if self.is_filled(handle) {
            self.handles[handle as usize].index as usize
        } else {
            self.mark_filled(handle, self.bucket.sets.len());
            self.bucket.sets.push(Entry {
                handle,
                seen: self.now,
                held: Box::<Members>::default(),
            });
            self.bucket.sets.len() - 1
        };
        let entry = &mut self.bucket.sets[index];
        entry.seen = self.now;
        let mut space = [0; 16];
        let text = shorten(&self.hashers, text, &mut space);
        if entry.held.contains(&self.hashers, text) {
            return Ok(());
        }
        if self.set_values >= self.limits.max_set_values {
            return Err(Dropped::SetValues);
        }
        if !self.set_memory.has_room(STRING_BYTES + text.len()) {
            return Err(Dropped::Memory);
        }
        self.set_values += 1;
        let before = entry.held.size;
        entry.held.insert(&self.hashers, text);
        self.set_memory.change(before, entry.held.size);
        Ok(())
    }

    fn add_to_histogram(
        &mut self,
        handle: u32,
        value: f64,
        sample_rate: f64,
    ) -> Result<(), Dropped> {
        let index = if self.is_filled(handle) {
            self.handles[handle as usize].index as usize
        } else {
            self.mark_filled(handle, self.bucket.histograms.len());
            self.bucket.histograms.push(Entry {
                handle,
                seen: self.now,
                held: Box::<Histogram>::default(),
            });
            self.bucket.histograms.len() - 1
        };
        let entry = &mut self.bucket.histograms[index];
        entry.seen = self.now;
        if !self.value_memory.has_room(VALUE_BYTES) {
            return Err(Dropped::Memory);
        }
        let before = entry.held.size();
        let Some(condensed) = entry.held.add(value, sample_rate) else {
            return Err(Dropped::Overflow);
        };
        self.condensed += condensed;
        self.value_memory.change(before, entry.held.size());
        Ok(())
    }

    fn open_sketch(&mut self, handle: u32) -> usize {
        if self.is_filled(handle) {
            return self.handles[handle as usize].index as usize;
        }
        self.mark_filled(handle, self.bucket.sketches.len());
        self.bucket.sketches.push(Entry {
            handle,
            seen: self.now,
            held: Box::new(QuantileSketch::new(self.limits.max_bin_count)),
        });
        self.bucket.sketches.len() - 1
    }

    fn mark_filled(&mut self, handle: u32, index: usize) {
        let handle = &mut self.handles[handle as usize];
        handle.epoch = self.epoch;
        // There are at most as many as handles, which are numbered by a u32.
        #[allow(clippy::cast_possible_truncation)]
        let index = index as u32;
        handle.index = index;
    }
}

/// Split the numbers of a line, which are separated by colons.
fn split_values(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b':')
}

/// Split a line into its name, its value and the part after the value's `|`.
fn split_line(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let colon = memchr(b':', line)?;
    let rest = &line[colon + 1..];
    let bar = memchr(b'|', rest)?;
    Some((&line[..colon], &rest[..bar], &rest[bar + 1..]))
}
