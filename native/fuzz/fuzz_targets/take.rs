//! Any bytes are lines to be learnt, taken, given back and closed, without a panic.

#![no_main]

use _native::engine::{Engine, Kind, Limits, Outcome};
use _native::histogram::Aggregate;
use libfuzzer_sys::fuzz_target;

const KINDS: u32 = 6;
const AGGREGATES: [Aggregate; 6] = [
    Aggregate::Min,
    Aggregate::Max,
    Aggregate::Median,
    Aggregate::Average,
    Aggregate::Sum,
    Aggregate::Count,
];

fuzz_target!(|data: &[u8]| {
    let mut engine = Engine::new(
        Limits {
            max_heads: 64,
            max_set_values: 32,
            max_bin_count: 16,
        },
    );
    for handle in 0..KINDS {
        let number = u8::try_from(handle).expect("there are six");
        engine.open_handle(handle, Kind::from_number(number).expect("one for each handle"));
    }
    // The histogram has a copy.
    engine.set_copy(3, 5);
    let rates = [1.0, 0.5, 0.3, 1e-3, 1e-300];
    for round in 0..3_u32 {
        engine.advance(round * 7);
        for (number, line) in data.split(|byte| *byte == b'\n').enumerate() {
            // Which handle a line goes to depends on the line alone, so that it comes again.
            let handle = u32::from(line.first().copied().unwrap_or(0)) % KINDS;
            let rate = rates[line.len() % rates.len()];
            let kind = Kind::from_number(u8::try_from(handle).expect("six")).expect("six");
            if engine.take_line(line) == Outcome::InDoubt {
                engine.learn(line, handle, kind, rate);
                #[allow(clippy::cast_precision_loss)]
                let value = (number as f64 - 3.0) * 10_f64.powi(i32::from(line.len() as u8) - 100);
                let _ = if kind == Kind::Set {
                    engine.add_member(handle, line)
                } else {
                    engine.add_number(handle, value, rate)
                };
            }
        }
        let bucket = engine.close();
        assert!(bucket.counters.iter().all(|total| total.value.is_finite()));
        assert!(bucket.sets.iter().map(|set| set.held.count()).sum::<usize>() <= 32);
        for mut entry in bucket.histograms {
            if !entry.held.is_empty() {
                let figures = entry.held.summarise(&AGGREGATES, &[0, 50, 95, 100], 10.0);
                assert!(figures.iter().all(|figure| figure.is_finite()));
            }
        }
        for mut entry in bucket.sketches {
            let bins = entry.held.list_bins();
            assert_eq!(bins.iter().map(|bin| bin.1).sum::<u64>(), entry.held.count);
        }
        if round == 1 {
            engine.forget(0);
            engine.require_exact(1);
        }
    }
});
