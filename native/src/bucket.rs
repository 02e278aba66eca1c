//! What one interval has aggregated, by type.

use crate::histogram::Histogram;
use crate::member::Members;
use crate::sketch::QuantileSketch;

/// What the last value of something was, and when it came.
#[derive(Clone, Copy)]
pub struct Number {
    pub handle: u32,
    /// Unix seconds of its last line.
    pub seen: u32,
    pub value: f64,
}

/// A larger accumulator, which moves as a pointer when the list of them grows.
pub struct Entry<T> {
    pub handle: u32,
    pub seen: u32,
    pub held: Box<T>,
}

/// The accumulators of one interval, in the order their contexts came.
#[derive(Default)]
pub struct Bucket {
    pub is_used: bool,
    pub counters: Vec<Number>,
    pub gauges: Vec<Number>,
    pub sets: Vec<Entry<Members>>,
    /// Of timers too.
    pub histograms: Vec<Entry<Histogram>>,
    pub sketches: Vec<Entry<QuantileSketch>>,
}
