//! The values of one histogram or timer in one bucket, with the Agent's aggregates.
//!
//! The plain engine's `histogram.py` is the specification.

use crate::memory::{BIN_BYTES, VALUE_BYTES};
use crate::sketch::{BIN_LIMIT, MAX_SKETCH_COUNT, Weight, find_key, find_lower_bound};

#[allow(clippy::cast_precision_loss)] // a power of two
pub const MAX_COUNT: f64 = MAX_SKETCH_COUNT as f64;
const KEPT_VALUES: usize = 4096;
const KEPT_WEIGHTS: usize = 1024;

/// What can be computed of a histogram besides percentiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    Min,
    Max,
    Median,
    Average,
    Sum,
    Count,
}

impl Aggregate {
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "min" => Self::Min,
            "max" => Self::Max,
            "median" => Self::Median,
            "avg" => Self::Average,
            "sum" => Self::Sum,
            "count" => Self::Count,
            _ => return None,
        })
    }
}

/// Values of one weight, in the order of arrival.
struct Batch {
    weight: f64,
    values: Vec<f64>,
}

/// Weighted values, and their aggregates.
#[derive(Default)]
pub struct Histogram {
    /// In the order in which their weights first arrived.
    batches: Vec<Batch>,
    /// The different values with their weights, ascending, once there are many values.
    weights: Vec<(f64, f64)>,
    /// Replaces all the others, once there are many different values.
    bins: Option<Bins>,
    /// How many values are kept as they arrived.
    kept: usize,
    values: u64,
    count: f64,
    sum: Compensated,
}

/// The weights by the key of a sketch, ascending, and the range of the values.
struct Bins {
    totals: Vec<(i16, f64)>,
    min: f64,
    max: f64,
}

/// A sum that keeps what rounding would lose (Neumaier).
#[derive(Clone, Copy, Default)]
struct Compensated {
    sum: f64,
    lost: f64,
}

impl Compensated {
    fn plus(self, value: f64) -> Self {
        let sum = self.sum + value;
        let lost = if self.sum.abs() >= value.abs() {
            (self.sum - sum) + value
        } else {
            (value - sum) + self.sum
        };
        Self { sum, lost: self.lost + lost }
    }

    fn total(self) -> f64 {
        self.sum + self.lost
    }
}

impl Histogram {
    /// How many values there are, each weighted by its sample rate.
    pub fn count(&self) -> f64 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.values == 0
    }

    /// The bytes that the values take, without the object itself.
    pub fn size(&self) -> usize {
        let bins = self.bins.as_ref().map_or(0, |bins| bins.totals.len());
        VALUE_BYTES * self.kept + BIN_BYTES * (self.weights.len() + bins)
    }

    /// How many values are kept as they arrived.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Add a finite value; return how many values lost precision by this. Return
    /// `None`, with nothing added, if the sum or the count would become too large to be
    /// sent.
    pub fn add(&mut self, value: f64, sample_rate: f64) -> Option<u64> {
        let weight = Weight::of_rate(sample_rate).scale;
        let count = self.count + weight;
        let sum = self.sum.plus(value * weight);
        if count > MAX_COUNT || !sum.sum.is_finite() {
            return None;
        }
        self.count = count;
        self.sum = sum;
        self.values += 1;
        if let Some(bins) = &mut self.bins {
            bins.add(value, weight);
            return Some(1);
        }
        match self.find_batch(weight) {
            Some(index) => self.batches[index].values.push(value),
            None => self.batches.push(Batch { weight, values: vec![value] }),
        }
        self.kept += 1;
        Some(if self.kept > KEPT_VALUES { self.condense() } else { 0 })
    }

    /// Compute the aggregates, then the percentiles, in the order given. The histogram
    /// must not be empty.
    pub fn summarise(
        &mut self,
        aggregates: &[Aggregate],
        percentiles: &[u32],
        count_divisor: f64,
    ) -> Vec<f64> {
        let ranking = self.rank();
        let total = self.sum.total();
        let mut figures = Vec::with_capacity(aggregates.len() + percentiles.len());
        for aggregate in aggregates {
            figures.push(match aggregate {
                Aggregate::Min => ranking.min,
                Aggregate::Max => ranking.max,
                Aggregate::Median => ranking.find((self.count - 1.0) / 2.0),
                Aggregate::Average => total / self.count,
                Aggregate::Sum => total,
                Aggregate::Count => self.count / count_divisor,
            });
        }
        for percentile in percentiles {
            figures.push(ranking.find((f64::from(*percentile) * self.count - 1.0) / 100.0));
        }
        figures
    }

    fn find_batch(&self, weight: f64) -> Option<usize> {
        // Nearly always there is only one.
        self.batches.iter().position(|batch| is_same(batch.weight, weight))
    }

    /// Stop keeping the values as they arrived; return how many lose precision by this.
    fn condense(&mut self) -> u64 {
        let weights = self.weigh();
        self.kept = 0;
        if weights.len() <= KEPT_WEIGHTS {
            self.weights = weights;
            self.batches.clear();
            return 0;
        }
        let mut bins =
            Bins { totals: Vec::new(), min: weights[0].0, max: weights[weights.len() - 1].0 };
        for (value, weight) in weights {
            bins.add_to_key(find_key(value), weight);
        }
        self.batches.clear();
        bins.trim();
        self.bins = Some(bins);
        self.values
    }

    /// Return the total weight of each different value, ascending.
    fn weigh(&mut self) -> Vec<(f64, f64)> {
        let mut weights = std::mem::take(&mut self.weights);
        for batch in &mut self.batches {
            batch.values.sort_unstable_by(f64::total_cmp);
            let mut merged = Vec::with_capacity(weights.len() + batch.values.len());
            let mut before = weights.into_iter().peekable();
            for alike in batch.values.chunk_by(|one, next| is_same(*one, *next)) {
                let value = alike[0];
                let added = times(alike.len()) * batch.weight;
                while let Some(lower) = before.next_if(|held| held.0 < value) {
                    merged.push(lower);
                }
                match before.next_if(|held| is_same(held.0, value)) {
                    Some((held, weight)) => merged.push((held, weight + added)),
                    None => merged.push((value, added)),
                }
            }
            merged.extend(before);
            weights = merged;
        }
        weights
    }

    fn rank(&mut self) -> Ranking {
        if let Some(bins) = &self.bins {
            return bins.rank();
        }
        if let ([batch], true) = (self.batches.as_mut_slice(), self.weights.is_empty()) {
            batch.values.sort_unstable_by(f64::total_cmp);
            return Ranking {
                min: batch.values[0],
                max: batch.values[batch.values.len() - 1],
                values: std::mem::take(&mut batch.values),
                reached: Err(batch.weight),
            };
        }
        let weights = self.weigh();
        Ranking {
            min: weights[0].0,
            max: weights[weights.len() - 1].0,
            reached: Ok(add_up(weights.iter().map(|held| held.1))),
            values: weights.into_iter().map(|held| held.0).collect(),
        }
    }
}

impl Bins {
    fn add(&mut self, value: f64, weight: f64) {
        if value < self.min {
            self.min = value;
        }
        if value > self.max {
            self.max = value;
        }
        self.add_to_key(find_key(value), weight);
        self.trim();
    }

    fn add_to_key(&mut self, key: i16, weight: f64) {
        match self.totals.binary_search_by_key(&key, |bin| bin.0) {
            Ok(index) => self.totals[index].1 += weight,
            Err(index) => self.totals.insert(index, (key, weight)),
        }
    }

    /// Collapse the lowest bins into the lowest one that may stay.
    fn trim(&mut self) {
        let excess = self.totals.len().saturating_sub(BIN_LIMIT);
        for index in 0..excess {
            let lowest = self.totals[index].1;
            self.totals[index + 1].1 += lowest;
        }
        self.totals.drain(..excess);
    }

    fn rank(&self) -> Ranking {
        Ranking {
            min: self.min,
            max: self.max,
            values: self
                .totals
                .iter()
                .map(|bin| find_lower_bound(bin.0).max(self.min).min(self.max))
                .collect(),
            reached: Ok(add_up(self.totals.iter().map(|bin| bin.1))),
        }
    }
}

/// Values in ascending order, with the total weight up to each of them.
struct Ranking {
    min: f64,
    max: f64,
    values: Vec<f64>,
    /// The weights added up, or the one weight that all values have.
    reached: Result<Vec<f64>, f64>,
}

impl Ranking {
    /// Return the first value up to which the weights add up to more than *rank*.
    fn find(&self, rank: f64) -> f64 {
        let index = match &self.reached {
            Ok(reached) => reached.partition_point(|weight| *weight <= rank),
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
            Err(weight) => (rank / weight) as usize,
        };
        // Rounding may make a rank just below the total weight equal to it.
        self.values[index.min(self.values.len() - 1)]
    }
}

fn add_up(weights: impl Iterator<Item = f64>) -> Vec<f64> {
    weights
        .scan(0.0, |total, weight| {
            *total += weight;
            Some(*total)
        })
        .collect()
}

#[allow(clippy::cast_precision_loss)] // a few thousand
fn times(count: usize) -> f64 {
    count as f64
}

#[allow(clippy::float_cmp)] // the very same number is meant, whichever zero it is
fn is_same(one: f64, other: f64) -> bool {
    one == other
}

#[cfg(test)]
mod tests {
    use super::{Aggregate, Histogram};

    const ALL: [Aggregate; 6] = [
        Aggregate::Max,
        Aggregate::Median,
        Aggregate::Average,
        Aggregate::Count,
        Aggregate::Min,
        Aggregate::Sum,
    ];

    fn summarise(values: &[(f64, f64)], percentiles: &[u32]) -> Vec<f64> {
        let mut histogram = Histogram::default();
        for (value, rate) in values {
            assert_eq!(histogram.add(*value, *rate), Some(0));
        }
        histogram.summarise(&ALL, percentiles, 10.0)
    }

    #[test]
    fn gives_the_agents_figures() {
        let values = [1.0, 10.0, 4.0, 5.0, 2.0, 2.0].map(|value| (value, 1.0));
        let figures = [10.0, 2.0, 4.0, 0.6, 1.0, 24.0, 10.0];
        assert_eq!(summarise(&values, &[95]), figures);
    }

    #[test]
    fn weighs_sampled_values() {
        let values = [(1.0, 1.0), (2.0, 0.5), (3.0, 0.2), (10.0, 0.5)];
        let figures = [10.0, 3.0, 4.0, 1.0, 1.0, 40.0, 2.0, 3.0, 10.0];
        assert_eq!(summarise(&values, &[20, 80, 95]), figures);
    }

    #[test]
    fn weights_are_not_cut_to_whole_numbers() {
        let figures = summarise(&[(10.0, 0.21); 5], &[]);
        assert!((figures[3] - 2.380_952_380_952_381).abs() < 1e-12);
        assert!((figures[2] - 10.0).abs() < 1e-12);
    }

    #[test]
    fn a_sum_keeps_what_rounding_takes() {
        let values = [1.0, 1e100, 1.0, -1e100].map(|value| (value, 1.0));
        assert_eq!(summarise(&values, &[]).last(), Some(&2.0));
    }

    #[test]
    fn many_values_of_few_kinds_stay_exact() {
        let mut histogram = Histogram::default();
        for value in 0..20_480_u32 {
            assert_eq!(histogram.add(f64::from(value % 1000), 1.0), Some(0));
        }
        let figures = histogram.summarise(&[Aggregate::Median], &[95], 1.0);
        assert_eq!(figures, [487.0, 948.0]);
    }

    #[test]
    fn many_different_values_are_condensed_and_counted() {
        let mut histogram = Histogram::default();
        let mut condensed = 0;
        for value in 1..=10_000 {
            condensed += histogram.add(f64::from(value), 1.0).expect("it fits");
        }
        assert_eq!(condensed, 10_000);
        let figures = histogram.summarise(&ALL, &[95], 1.0);
        assert_eq!((figures[0], figures[2], figures[4]), (10_000.0, 5000.5, 1.0));
        assert!((figures[6] / 9500.0 - 1.0).abs() < 0.008);
    }

    #[test]
    fn weights_kept_so_far_are_condensed_too() {
        let mut histogram = Histogram::default();
        for _ in 0..4097 {
            assert_eq!(histogram.add(7.0, 1.0), Some(0));
        }
        for value in 0..4097_u32 {
            histogram.add(f64::from(value), 1.0);
        }
        let figures = histogram.summarise(&[Aggregate::Median], &[], 1.0);
        assert!((figures[0] / 7.0 - 1.0).abs() < 0.008);
    }

    #[test]
    fn what_cannot_be_sent_is_not_added() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.add(1.0, 1e-300), None);
        assert_eq!(histogram.add(1.7e308, 0.1), None);
        assert!(histogram.is_empty());
    }
}
