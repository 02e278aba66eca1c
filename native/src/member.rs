//! The different strings of one set in one bucket.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;
use hashbrown::HashTable;

/// From so many on, strings go to one of `PARTS` tables by their hash: a single table of a
/// million would hold everybody up for 20 ms each time it grows.
const KEPT_TOGETHER: usize = 4096;
const PARTS: usize = 64;

type Table = HashTable<Box<[u8]>>;

#[derive(Default)]
pub struct Members {
    first: Table,
    /// Empty until the first is full; then new strings go here.
    parts: Vec<Table>,
    count: usize,
}

impl Members {
    pub fn count(&self) -> usize {
        self.count
    }

    pub fn contains(&self, hasher: &RandomState, text: &[u8]) -> bool {
        let hash = hash_of(hasher, text);
        self.first.find(hash, |held| **held == *text).is_some()
            || (!self.parts.is_empty()
                && self.parts[part_of(hash)]
                    .find(hash, |held| **held == *text)
                    .is_some())
    }

    /// Add a string that is not there yet.
    pub fn insert(&mut self, hasher: &RandomState, text: &[u8]) {
        let hash = hash_of(hasher, text);
        let table = if self.first.len() < KEPT_TOGETHER {
            &mut self.first
        } else {
            if self.parts.is_empty() {
                self.parts = (0..PARTS).map(|_| Table::new()).collect();
            }
            &mut self.parts[part_of(hash)]
        };
        table.insert_unique(hash, text.into(), |held| hash_of(hasher, held));
        self.count += 1;
    }

    /// Free one of its tables; false where nothing is left.
    pub fn free_some(&mut self) -> bool {
        if let Some(part) = self.parts.pop() {
            drop(part);
            return true;
        }
        !std::mem::take(&mut self.first).is_empty()
    }
}

fn hash_of(hasher: &RandomState, text: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(text);
    state.finish()
}

fn part_of(hash: u64) -> usize {
    (hash >> 48) as usize % PARTS
}

#[cfg(test)]
mod tests {
    use super::{KEPT_TOGETHER, Members};
    use foldhash::quality::RandomState;

    #[test]
    fn holds_each_string_once_however_many_there_are() {
        let hasher = RandomState::default();
        let mut members = Members::default();
        let texts: Vec<String> = (0..3 * KEPT_TOGETHER).map(|n| n.to_string()).collect();
        for text in &texts {
            assert!(!members.contains(&hasher, text.as_bytes()));
            members.insert(&hasher, text.as_bytes());
        }
        assert!(
            texts
                .iter()
                .all(|text| members.contains(&hasher, text.as_bytes()))
        );
        assert_eq!(members.count(), texts.len());
        while members.free_some() {}
        assert!(!members.contains(&hasher, b"0"));
    }
}
