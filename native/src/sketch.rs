//! The Agent's quantile sketch of the values of one distribution in one bucket.
//!
//! Source: datadog-agent, pkg/util/quantile. The plain engine's `sketch.py` is the
//! specification: the same values in the same order give the same figures to the last bit.

use crate::memory::{BIN_BYTES, VALUE_BYTES};

const GAMMA: f64 = 1.015_625; // 1 + 2 / 128
const LN_GAMMA: f64 = 0.015_504_186_535_965_254; // log1p(0.015625)
const BIAS: i32 = 1338;
const MAX_KEY: i16 = 32766;
const INFINITE_KEY: i16 = 32767;
/// The smallest value that has a key of its own: GAMMA to the power of 1 - BIAS.
const NORM_MIN: f64 = 9.941_854_089_121_45e-10;
pub const BIN_LIMIT: usize = 4096;

/// No sender has this many values for one bucket. Without this limit a single tiny
/// sample rate would fill a payload with full bins.
pub const MAX_SKETCH_COUNT: u64 = 1 << 40;

/// How many keys wait before they enter the bins. The Agent's insert buffer has the
/// same length.
const MAX_PENDING: usize = 512;

pub type Bins = Vec<(i16, u64)>;

/// How often a value counts that was sampled at this rate.
#[derive(Clone, Copy, Debug)]
pub struct Weight {
    /// 1 / rate.
    pub scale: f64,
    /// The whole part of that.
    pub whole: u64,
}

impl Weight {
    /// A rate outside (0, 1] is treated as 1. Source: datadog-agent,
    /// pkg/util/quantile/agent.go.
    pub fn of_rate(sample_rate: f64) -> Self {
        if !(sample_rate > 0.0 && sample_rate < 1.0) {
            return Self { scale: 1.0, whole: 1 };
        }
        let scale = 1.0 / sample_rate;
        // A weight above the limit is dropped in any case. The cast saturates.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let whole = (scale as u64).min(2 * MAX_SKETCH_COUNT);
        Self { scale, whole }
    }
}

/// Return the bin of a finite value.
pub fn find_key(value: f64) -> i16 {
    if value < 0.0 {
        return -find_key(-value);
    }
    if value < NORM_MIN {
        return 0;
    }
    let rounded = (value.ln() / LN_GAMMA).round_ties_even() + f64::from(BIAS);
    if rounded > f64::from(MAX_KEY) {
        return INFINITE_KEY;
    }
    #[allow(clippy::cast_possible_truncation)] // at most MAX_KEY, at least 1
    let key = rounded as i16;
    key
}

/// Return the value that stands for a bin.
pub fn find_lower_bound(key: i16) -> f64 {
    if key < 0 {
        return -find_lower_bound(-key);
    }
    if key == 0 {
        return 0.0;
    }
    if key > MAX_KEY {
        return f64::INFINITY;
    }
    GAMMA.powf(f64::from(i32::from(key) - BIAS))
}

/// How many values fell into each bin, and their aggregates.
pub struct QuantileSketch {
    /// Ascending, with one entry for each key.
    bins: Bins,
    pending: Vec<i16>,
    max_bin_count: u64,
    pub count: u64,
    pub min: f64,
    pub max: f64,
    /// Weighted by 1 / rate.
    pub sum: f64,
    /// Weighted as in `count`, by the whole part of 1 / rate.
    weighted_sum: f64,
}

impl QuantileSketch {
    pub fn new(max_bin_count: u64) -> Self {
        Self {
            bins: Vec::new(),
            pending: Vec::new(),
            max_bin_count,
            count: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sum: 0.0,
            weighted_sum: 0.0,
        }
    }

    /// Add a finite value; return false, with nothing added, if the sum or the count
    /// would become too large to be sent.
    pub fn add(&mut self, value: f64, weight: Weight) -> bool {
        let count = self.count + weight.whole;
        let sum = self.sum + value * weight.scale;
        #[allow(clippy::cast_precision_loss)] // at most 2^41
        let weighted_sum = self.weighted_sum + value * weight.whole as f64;
        if count > MAX_SKETCH_COUNT || !sum.is_finite() || !weighted_sum.is_finite() {
            return false;
        }
        self.count = count;
        self.sum = sum;
        self.weighted_sum = weighted_sum;
        self.add_to_bins(value, weight.whole);
        true
    }

    /// Add to bins, count and bounds only.
    pub fn add_to_bins(&mut self, value: f64, whole: u64) {
        if value < self.min {
            self.min = value;
        }
        if value > self.max {
            self.max = value;
        }
        let key = find_key(value);
        if whole == 1 {
            self.pending.push(key);
            if self.pending.len() >= MAX_PENDING {
                self.merge_pending();
            }
        } else {
            match self.bins.binary_search_by_key(&key, |bin| bin.0) {
                Ok(index) => self.bins[index].1 += whole,
                Err(index) => {
                    self.bins.insert(index, (key, whole));
                    self.trim();
                }
            }
        }
    }

    /// The bytes that the bins take, without the object itself.
    pub fn size(&self) -> usize {
        VALUE_BYTES * self.pending.len() + BIN_BYTES * self.bins.len()
    }

    /// The mean, with each value weighted by the whole part of 1 / rate.
    pub fn average(&self) -> f64 {
        #[allow(clippy::cast_precision_loss)] // at most 2^40
        let count = self.count as f64;
        if self.count == 0 { 0.0 } else { self.weighted_sum / count }
    }

    /// Return the bins, ascending; the key of a full bin is repeated.
    pub fn list_bins(&mut self) -> Bins {
        self.merge_pending();
        split_bins(&self.bins, self.max_bin_count)
    }

    /// Move the keys that wait into the bins.
    fn merge_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        self.pending.sort_unstable();
        let mut merged = Bins::with_capacity(self.bins.len() + 16);
        let mut bins = self.bins.iter().copied().peekable();
        for same in self.pending.chunk_by(|one, next| one == next) {
            let key = same[0];
            let mut total = same.len() as u64;
            while let Some(bin) = bins.next_if(|bin| bin.0 < key) {
                merged.push(bin);
            }
            if let Some(bin) = bins.next_if(|bin| bin.0 == key) {
                total += bin.1;
            }
            merged.push((key, total));
        }
        merged.extend(bins);
        self.bins = merged;
        self.pending.clear();
        self.trim();
    }

    fn trim(&mut self) {
        // A key is only split once all values together no longer fit into one bin.
        if self.bins.len() <= BIN_LIMIT && self.count <= self.max_bin_count {
            return;
        }
        let bins = split_bins(&self.bins, self.max_bin_count);
        if bins.len() > BIN_LIMIT {
            self.bins = join_bins(&trim_bins(&bins, BIN_LIMIT, self.max_bin_count));
        }
    }
}

/// Split a total that is too large for one bin: the remainder first, then full bins.
fn split_bins(totals: &Bins, max_bin_count: u64) -> Bins {
    let mut bins = Bins::with_capacity(totals.len());
    for &(key, total) in totals {
        if total <= max_bin_count {
            bins.push((key, total));
            continue;
        }
        let remainder = total % max_bin_count;
        if remainder > 0 {
            bins.push((key, remainder));
        }
        for _ in 0..total / max_bin_count {
            bins.push((key, max_bin_count));
        }
    }
    bins
}

/// Collapse the lowest bins into the lowest one that may stay.
fn trim_bins(bins: &Bins, bin_limit: usize, max_bin_count: u64) -> Bins {
    let excess = bins.len().saturating_sub(bin_limit);
    if excess == 0 {
        return bins.clone();
    }
    let mut trimmed = Bins::new();
    let mut missing = 0;
    for &(key, count) in &bins[..excess] {
        missing += count;
        if missing > max_bin_count {
            trimmed.push((key, max_bin_count));
            missing -= max_bin_count;
        }
    }
    let (key, count) = bins[excess];
    trimmed.extend(split_bins(&vec![(key, count + missing)], max_bin_count));
    trimmed.extend_from_slice(&bins[excess + 1..]);
    trimmed
}

fn join_bins(bins: &Bins) -> Bins {
    let mut totals = Bins::with_capacity(bins.len());
    for &(key, count) in bins {
        match totals.last_mut() {
            Some(last) if last.0 == key => last.1 += count,
            _ => totals.push((key, count)),
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::{
        BIN_LIMIT, QuantileSketch, Weight, find_key, find_lower_bound, split_bins, trim_bins,
    };

    const MAX: u64 = 65535;

    fn sketch_of(values: &[f64]) -> QuantileSketch {
        let mut sketch = QuantileSketch::new(u64::from(u32::MAX));
        for value in values {
            assert!(sketch.add(*value, Weight::of_rate(1.0)));
        }
        sketch
    }

    #[test]
    fn finds_the_agents_keys() {
        for (value, key) in [
            (0.0, 0),
            (9.9e-10, 0),
            (9.941_854_089_121_45e-10, 1),
            (1e-6, 447),
            (0.99, 1337),
            (1.0, 1338),
            (1.007_812_5, 1339),
            (10.0, 1487),
            (-1000.0, -1784),
            (1e100, 16189),
            (1.797e308, 32767),
        ] {
            assert_eq!(find_key(value), key, "{value}");
        }
    }

    #[test]
    fn every_lower_bound_lies_in_its_own_bin() {
        for key in -32766..=32766 {
            assert_eq!(find_key(find_lower_bound(key)), key);
        }
    }

    #[test]
    fn adds_up() {
        let mut sketch = sketch_of(&[1.0, 2.0, 3.0]);
        assert_eq!(sketch.list_bins(), vec![(1338, 1), (1383, 1), (1409, 1)]);
        assert_eq!((sketch.count, sketch.min, sketch.max), (3, 1.0, 3.0));
        assert_eq!((sketch.sum, sketch.average()), (6.0, 2.0));
    }

    #[test]
    fn weighs_sampled_values() {
        let mut sketch = QuantileSketch::new(MAX);
        sketch.add(10.0, Weight::of_rate(0.1));
        assert_eq!(sketch.list_bins(), vec![(1487, 10)]);
        assert_eq!((sketch.count, sketch.sum), (10, 100.0));
    }

    #[test]
    fn a_full_bin_repeats_after_its_remainder() {
        let mut sketch = QuantileSketch::new(MAX);
        for _ in 0..70_000 {
            sketch.add(1.0, Weight::of_rate(1.0));
        }
        assert_eq!(sketch.list_bins(), vec![(1338, 4465), (1338, MAX)]);
    }

    #[test]
    fn collapses_the_lowest_bins() {
        let keys: Vec<f64> = (905 - 904..=5000).map(find_lower_bound).collect();
        let mut sketch = sketch_of(&keys);
        let bins = sketch.list_bins();
        assert_eq!(bins.len(), BIN_LIMIT);
        assert_eq!((bins[0], bins[1]), ((905, 905), (906, 1)));
    }

    #[test]
    fn trims_as_the_agent_does() {
        let full = vec![(1, MAX), (2, MAX), (3, MAX)];
        assert_eq!(trim_bins(&full, 2, MAX), vec![(2, MAX), (2, MAX), (3, MAX)]);
        let mixed = vec![(1, MAX), (1, MAX), (1, 1), (2, MAX), (3, 1), (4, 1)];
        let trimmed = vec![(1, MAX), (1, MAX), (2, 1), (2, MAX), (3, 1), (4, 1)];
        assert_eq!(trim_bins(&mixed, 3, MAX), trimmed);
    }

    #[test]
    fn splits_the_remainder_first() {
        let split = vec![(1, 3), (1, MAX), (1, MAX)];
        assert_eq!(split_bins(&vec![(1, 2 * MAX + 3)], MAX), split);
    }

    #[test]
    fn refuses_what_cannot_be_sent() {
        let mut sketch = QuantileSketch::new(MAX);
        assert!(!sketch.add(1.0, Weight::of_rate(1e-300)));
        assert!(!sketch.add(1.7e308, Weight::of_rate(0.1)));
        assert_eq!(sketch.count, 0);
    }
}
