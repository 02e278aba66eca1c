//! Remember the heads of lines: the text of a line without its value.
//!
//! Three rules limit the memory, whatever is sent. A head is kept the second time it is
//! seen, so a new head in every line is never kept. When the cache is full, or has no
//! memory left, nothing is added, so a flood evicts no others. And what was not used
//! for `KEPT_SECONDS` is forgotten, one shard per second, so that no call takes long.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::memory::{HEAD_BYTES, Share};

/// As many as the seconds that a sweep over all of them takes. A shard of 400 000 heads
/// grows, or is swept, in less than a millisecond.
const SHARDS: usize = 32;

/// How long an unused head is kept at least; at most it is a little over twice as long.
const KEPT_SECONDS: u32 = 30;

/// How many shards one call may sweep if seconds were missed.
const SWEPT_AT_ONCE: u32 = 2;

/// The constants of a linear congruential generator modulo 2^64 (Knuth, MMIX).
const MULTIPLIER: u64 = 6_364_136_223_846_793_005;

/// Where the values of a head go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// The rules filter it; its values are only checked.
    Filtered { is_set: bool },
    /// A context, as long as it still has this serial number.
    Context { handle: u32, serial: u32, sample_rate: f64 },
}

/// A hundred thousand of them are usual, so a target takes as few bytes as possible.
struct Head {
    /// The name and the tail, without anything between them.
    text: Box<[u8]>,
    sample_rate: f64,
    /// The handle of a context, or one of the two numbers below.
    handle: u32,
    serial: u32,
    last_used: u32,
    name_length: u16,
    generation: u16,
}

/// Stands in place of a handle if the rules filter the head.
const FILTERED_NUMBER: u32 = u32::MAX;
const FILTERED_SET: u32 = u32::MAX - 1;

pub struct HeadCache {
    hasher: RandomState,
    shards: Vec<HashTable<Head>>,
    /// Fragments of the hashes of heads that were seen once; 0 for none. A head whose
    /// fragment is overwritten must be seen twice again.
    seen_once: Vec<u16>,
    /// Decides at random whether a fragment is overwritten.
    chance: u64,
    capacity: usize,
    count: usize,
    pub memory: Share,
    generation: u16,
    swept_until: u32,
}

impl HeadCache {
    pub fn new(capacity: usize) -> Self {
        Self {
            hasher: RandomState::default(),
            shards: (0..SHARDS).map(|_| HashTable::new()).collect(),
            seen_once: vec![0; capacity.clamp(1, 1 << 20).next_power_of_two()],
            chance: 0,
            capacity,
            count: 0,
            memory: Share::default(),
            generation: 0,
            swept_until: 0,
        }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Look a head up, and mark it as used.
    pub fn find(&mut self, name: &[u8], tail: &[u8], now: u32) -> Option<Target> {
        let hash = self.hash(name, tail);
        let generation = self.generation;
        let head = self.shards[shard_of(hash)].find_mut(hash, |head| head.is(name, tail))?;
        if head.generation != generation {
            return None;
        }
        head.last_used = now;
        Some(head.target())
    }

    /// Keep what a head means, from the second time it is seen.
    pub fn learn(&mut self, name: &[u8], tail: &[u8], target: Target, now: u32) {
        let Ok(name_length) = u16::try_from(name.len()) else {
            return;
        };
        let hash = self.hash(name, tail);
        let generation = self.generation;
        let shard = &mut self.shards[shard_of(hash)];
        if let Some(head) = shard.find_mut(hash, |head| head.is(name, tail)) {
            head.aim(target);
            head.last_used = now;
            head.generation = generation;
            return;
        }
        let size = HEAD_BYTES + name.len() + tail.len();
        let is_full = self.count >= self.capacity || !self.memory.has_room(size);
        if is_full || !self.is_second_sight(hash) {
            return;
        }
        self.memory.change(0, size);
        let mut text = Vec::with_capacity(name.len() + tail.len());
        text.extend_from_slice(name);
        text.extend_from_slice(tail);
        let mut head = Head {
            text: text.into_boxed_slice(),
            sample_rate: 1.0,
            handle: FILTERED_NUMBER,
            serial: 0,
            last_used: now,
            name_length,
            generation,
        };
        head.aim(target);
        let hasher = &self.hasher;
        self.shards[shard_of(hash)].insert_unique(hash, head, |head| {
            let (name, tail) = head.text.split_at(usize::from(head.name_length));
            hash_parts(hasher, name, tail)
        });
        self.count += 1;
    }

    /// Forget every head, for example when the rules change; the memory is freed over
    /// time.
    pub fn forget_all(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// Forget what was not used for long, a part at a time.
    pub fn advance(&mut self, now: u32) {
        let missed = now.abs_diff(self.swept_until).min(SWEPT_AT_ONCE);
        if missed == 0 {
            return;
        }
        for step in 0..missed {
            let generation = self.generation;
            let shard = &mut self.shards[(now.wrapping_sub(step)) as usize % SHARDS];
            let before = shard.len();
            let mut freed = 0;
            // This includes times in the future, because the clock may have been set
            // back.
            shard.retain(|head| {
                let stays =
                    head.generation == generation && head.last_used.abs_diff(now) <= KEPT_SECONDS;
                freed += if stays { 0 } else { HEAD_BYTES + head.text.len() };
                stays
            });
            self.memory.change(freed, 0);
            self.count -= before - shard.len();
            if shard.len() < shard.capacity() / 8 {
                let hasher = &self.hasher;
                shard.shrink_to_fit(|head| {
                    let (name, tail) = head.text.split_at(usize::from(head.name_length));
                    hash_parts(hasher, name, tail)
                });
            }
        }
        self.swept_until = now;
    }

    fn hash(&self, name: &[u8], tail: &[u8]) -> u64 {
        hash_parts(&self.hasher, name, tail)
    }

    fn is_second_sight(&mut self, hash: u64) -> bool {
        #[allow(clippy::cast_possible_truncation)] // a fragment is meant
        let (index, mark) = (hash as usize & (self.seen_once.len() - 1), (hash >> 32) as u16 | 1);
        let held = &mut self.seen_once[index];
        if *held == mark {
            *held = 0;
            return true;
        }
        // If two heads share a place and take turns, each would otherwise push the
        // other out forever. This is decided at random, because any fixed rule might be
        // in step with the turns.
        self.chance = self.chance.wrapping_mul(MULTIPLIER).wrapping_add(1);
        if *held == 0 || self.chance >> 63 == 0 {
            *held = mark;
        }
        false
    }
}

impl Head {
    fn aim(&mut self, target: Target) {
        match target {
            Target::Filtered { is_set } => {
                self.handle = if is_set { FILTERED_SET } else { FILTERED_NUMBER };
            }
            Target::Context { handle, serial, sample_rate } => {
                (self.handle, self.serial, self.sample_rate) = (handle, serial, sample_rate);
            }
        }
    }

    fn target(&self) -> Target {
        match self.handle {
            FILTERED_NUMBER => Target::Filtered { is_set: false },
            FILTERED_SET => Target::Filtered { is_set: true },
            handle => {
                Target::Context { handle, serial: self.serial, sample_rate: self.sample_rate }
            }
        }
    }

    fn is(&self, name: &[u8], tail: &[u8]) -> bool {
        usize::from(self.name_length) == name.len()
            && self.text.len() == name.len() + tail.len()
            && self.text[..name.len()] == *name
            && self.text[name.len()..] == *tail
    }
}

fn hash_parts(hasher: &RandomState, name: &[u8], tail: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    // Where name and tail meet is compared later, and need not be hashed.
    state.write(name);
    state.write(tail);
    state.finish()
}

fn shard_of(hash: u64) -> usize {
    // The table itself uses the lowest bits and the seven highest ones.
    (hash >> 48) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use super::{HEAD_BYTES, HeadCache, KEPT_SECONDS, Target};

    const TARGET: Target = Target::Context { handle: 7, serial: 0, sample_rate: 0.5 };

    fn learn_twice(heads: &mut HeadCache, name: &[u8], now: u32) {
        heads.learn(name, b"c", TARGET, now);
        heads.learn(name, b"c", TARGET, now);
    }

    #[test]
    fn keeps_a_head_from_its_second_sight() {
        let mut heads = HeadCache::new(100);
        heads.learn(b"a", b"c", TARGET, 0);
        assert_eq!(heads.find(b"a", b"c", 0), None);
        heads.learn(b"a", b"c", TARGET, 0);
        assert_eq!(heads.find(b"a", b"c", 0), Some(TARGET));
    }

    #[test]
    fn heads_that_take_turns_are_all_kept_in_the_end() {
        let mut heads = HeadCache::new(1000);
        for _ in 0..50 {
            for number in 0..1000_u32 {
                heads.learn(&number.to_ne_bytes(), b"c", TARGET, 0);
            }
        }
        assert_eq!(heads.count(), 1000);
    }

    #[test]
    fn tells_name_from_tail() {
        let mut heads = HeadCache::new(100);
        learn_twice(&mut heads, b"ab", 0);
        assert_eq!(heads.find(b"a", b"bc", 0), None);
    }

    #[test]
    fn a_full_cache_keeps_what_it_has() {
        let mut heads = HeadCache::new(2);
        for name in [b"a", b"b", b"x"] {
            learn_twice(&mut heads, name, 0);
        }
        assert_eq!(heads.count(), 2);
        assert_eq!(heads.find(b"a", b"c", 0), Some(TARGET));
        assert_eq!(heads.find(b"x", b"c", 0), None);
    }

    #[test]
    fn forgets_what_is_not_used() {
        let mut heads = HeadCache::new(100);
        learn_twice(&mut heads, b"idle", 1000);
        learn_twice(&mut heads, b"busy", 1000);
        for now in 1000..=1000 + 2 * KEPT_SECONDS + 4 {
            heads.advance(now);
            assert_eq!(heads.find(b"busy", b"c", now), Some(TARGET));
        }
        assert_eq!(heads.find(b"idle", b"c", 2000), None);
        assert_eq!(heads.count(), 1);
    }

    #[test]
    fn forgets_all_at_once_and_frees_them_over_time() {
        let mut heads = HeadCache::new(100);
        learn_twice(&mut heads, b"a", 0);
        heads.forget_all();
        assert_eq!(heads.find(b"a", b"c", 0), None);
        for now in 0..=64 {
            heads.advance(now);
        }
        assert_eq!((heads.count(), heads.memory.used()), (0, 0));
    }

    #[test]
    fn keeps_nothing_without_memory() {
        let mut heads = HeadCache::new(100);
        heads.memory.set_limit(HEAD_BYTES + 2);
        learn_twice(&mut heads, b"a", 0);
        learn_twice(&mut heads, b"b", 0);
        assert_eq!((heads.count(), heads.memory.used()), (1, HEAD_BYTES + 2));
    }

    #[test]
    fn learns_again_what_was_forgotten() {
        let mut heads = HeadCache::new(100);
        learn_twice(&mut heads, b"a", 0);
        heads.forget_all();
        heads.learn(b"a", b"c", TARGET, 0);
        assert_eq!(heads.find(b"a", b"c", 0), Some(TARGET));
    }
}
