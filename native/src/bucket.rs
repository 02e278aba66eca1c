//! What was aggregated in one interval, by type.

use crate::histogram::Histogram;
use crate::member::Members;
use crate::sketch::QuantileSketch;

/// The last value of a gauge, and when it arrived.
#[derive(Clone, Copy)]
pub struct Number {
    pub handle: u32,
    /// Unix seconds of its last line.
    pub seen: u32,
    pub value: f64,
}

/// A larger accumulator; only a pointer moves when the list of them grows.
pub struct Entry<T> {
    pub handle: u32,
    pub seen: u32,
    pub held: Box<T>,
}

/// The accumulators of one interval, in the order in which their contexts arrived.
#[derive(Default)]
pub struct Bucket {
    pub is_used: bool,
    pub counters: Vec<Number>,
    pub gauges: Vec<Number>,
    pub sets: Vec<Entry<Members>>,
    /// Includes timers.
    pub histograms: Vec<Entry<Histogram>>,
    pub sketches: Vec<Entry<QuantileSketch>>,
}
