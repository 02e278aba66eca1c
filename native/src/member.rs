//! The different strings of one set in one bucket.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::memory::STRING_BYTES;

/// From this number on, strings go to one of `PARTS` tables by their hash: each time a
/// single table of a million grows, it would hold up everything for 20 ms.
const KEPT_TOGETHER: usize = 4096;
const PARTS: usize = 64;

/// Longer strings are replaced by a digest, because only the number of different ones
/// counts. Its two halves are hashes with secret seeds, so nobody can make two equal
/// ones.
const LONG_BYTES: usize = 64;

type Table = HashTable<Box<[u8]>>;

/// The hash functions of sets.
#[derive(Default)]
pub struct Hashers {
    place: RandomState,
    digest: [RandomState; 2],
}

#[derive(Default)]
pub struct Members {
    first: Table,
    /// Empty until the first table is full; then new strings go here.
    parts: Vec<Table>,
    count: usize,
    /// The bytes that the strings take.
    pub size: usize,
}

/// Return what is kept of a string: all of it, or its digest in *space*.
pub fn shorten<'text>(
    hashers: &Hashers,
    text: &'text [u8],
    space: &'text mut [u8; 16],
) -> &'text [u8] {
    if text.len() <= LONG_BYTES {
        return text;
    }
    for (half, hasher) in space.chunks_mut(8).zip(&hashers.digest) {
        half.copy_from_slice(&hash_of(hasher, text).to_ne_bytes());
    }
    space
}

impl Members {
    pub fn count(&self) -> usize {
        self.count
    }

    pub fn contains(&self, hashers: &Hashers, text: &[u8]) -> bool {
        let hash = hash_of(&hashers.place, text);
        self.first.find(hash, |held| **held == *text).is_some()
            || (!self.parts.is_empty()
                && self.parts[part_of(hash)].find(hash, |held| **held == *text).is_some())
    }

    /// Add a string that is not in the set yet.
    pub fn insert(&mut self, hashers: &Hashers, text: &[u8]) {
        let hash = hash_of(&hashers.place, text);
        let table = if self.first.len() < KEPT_TOGETHER {
            &mut self.first
        } else {
            if self.parts.is_empty() {
                self.parts = (0..PARTS).map(|_| Table::new()).collect();
            }
            &mut self.parts[part_of(hash)]
        };
        table.insert_unique(hash, text.into(), |held| hash_of(&hashers.place, held));
        self.count += 1;
        self.size += STRING_BYTES + text.len();
    }

    /// Free one of its tables; return false if none is left.
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
    use super::{Hashers, KEPT_TOGETHER, Members, shorten};

    #[test]
    fn holds_each_string_once_however_many_there_are() {
        let hasher = Hashers::default();
        let mut members = Members::default();
        let texts: Vec<String> = (0..3 * KEPT_TOGETHER).map(|n| n.to_string()).collect();
        for text in &texts {
            assert!(!members.contains(&hasher, text.as_bytes()));
            members.insert(&hasher, text.as_bytes());
        }
        assert!(texts.iter().all(|text| members.contains(&hasher, text.as_bytes())));
        assert_eq!(members.count(), texts.len());
        while members.free_some() {}
        assert!(!members.contains(&hasher, b"0"));
    }

    #[test]
    fn keeps_a_digest_of_a_long_string() {
        let hashers = Hashers::default();
        let (one, other) = ([b'x'; 65], [b'x'; 66]);
        let (mut space, mut again, mut third) = ([0; 16], [0; 16], [0; 16]);
        let digest = shorten(&hashers, &one, &mut space);
        assert_eq!(digest.len(), 16);
        assert_eq!(digest, shorten(&hashers, &one, &mut again));
        assert_ne!(digest, shorten(&hashers, &other, &mut third));
        assert_eq!(shorten(&hashers, &one[..64], &mut [0; 16]), &one[..64]);
    }
}
