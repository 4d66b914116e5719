//! Records of words that are kept for ever and never change: memory that grows in steps, up to a
//! bound, and is written without a lock, so that a signal's handler may do it too.

use super::memory::{map_writable, release, Range};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// The step in which the memory grows.
pub const CHUNK_BYTES: usize = 1 << 20;
const CHUNK_WORDS: u32 = (CHUNK_BYTES / 8) as u32;
/// No record is longer.
pub const MAX_RECORD_WORDS: usize = 256;

/// A store of at most `CHUNKS` steps.
///
/// (R1) The words before `used` belong to records; each record lies in one chunk. A record's words
/// are written by the thread that added it, before its number can be known to any other. Word 0
/// belongs to no record.
/// (R2) A chunk's address is 0 until it is mapped, and then never changes.
pub struct RecordStore<const CHUNKS: usize> {
    chunks: [AtomicUsize; CHUNKS],
    used: AtomicU32,
    limit: AtomicU32,
}

impl<const CHUNKS: usize> RecordStore<CHUNKS> {
    /// An empty store.
    pub const fn new() -> Self {
        assert!(CHUNKS * CHUNK_WORDS as usize <= u32::MAX as usize - MAX_RECORD_WORDS);
        Self {
            chunks: [const { AtomicUsize::new(0) }; CHUNKS],
            used: AtomicU32::new(1),
            limit: AtomicU32::new(CHUNKS as u32 * CHUNK_WORDS),
        }
    }

    /// Bounds the memory to `bytes`, in whole steps, of which there is at least one.
    pub fn set_limit(&self, bytes: usize) {
        let chunks = (bytes / CHUNK_BYTES).clamp(1, CHUNKS);
        self.limit.store(chunks as u32 * CHUNK_WORDS, Ordering::Relaxed);
    }

    /// How much memory is in use.
    #[cfg(test)]
    pub fn used_bytes(&self) -> usize {
        self.used.load(Ordering::Relaxed) as usize * 8
    }

    /// Adds the record of `head` and `rest`, and returns its number, which is never 0; `None` when
    /// there is no room.
    pub fn add(&self, head: usize, rest: &[usize]) -> Option<u32> {
        let length = 1 + rest.len();
        assert!(length <= MAX_RECORD_WORDS, "the record is short");
        let number = self.claim(length as u32)?;
        let place = self.place(number)?;
        // SAFETY: (R1): the claimed words are this thread's alone, and lie in one chunk.
        unsafe {
            place.write(head);
            core::ptr::copy_nonoverlapping(rest.as_ptr(), place.add(1), rest.len());
        }
        Some(number)
    }

    /// The first `length` words of record `number`, or none for a number that is no record's. The
    /// number must have come from [`RecordStore::add`] through something that orders memory.
    pub fn get(&self, number: u32, length: usize) -> &[usize] {
        let used = self.used.load(Ordering::Relaxed);
        if number == 0 || number as usize + length > used as usize {
            return &[];
        }
        let rest_of_chunk = (CHUNK_WORDS - number % CHUNK_WORDS) as usize;
        let chunk = self.chunks[(number / CHUNK_WORDS) as usize].load(Ordering::Acquire);
        if chunk == 0 || length > rest_of_chunk {
            return &[];
        }
        let start = chunk + 8 * (number % CHUNK_WORDS) as usize;
        // SAFETY: the words are mapped (R2) and were written before their number was known (R1).
        unsafe { core::slice::from_raw_parts(start as *const usize, length) }
    }

    /// Claims words for one record, in one chunk that is mapped.
    fn claim(&self, length: u32) -> Option<u32> {
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let rest_of_chunk = CHUNK_WORDS - used % CHUNK_WORDS;
            let start = if length <= rest_of_chunk { used } else { used + rest_of_chunk };
            if start + length > self.limit.load(Ordering::Relaxed) {
                return None;
            }
            self.map_chunk((start / CHUNK_WORDS) as usize)?;
            let order = Ordering::Relaxed;
            match self.used.compare_exchange_weak(used, start + length, order, order) {
                Ok(_) => return Some(start),
                Err(other) => used = other,
            }
        }
    }

    fn place(&self, number: u32) -> Option<*mut usize> {
        let chunk = self.chunks[(number / CHUNK_WORDS) as usize].load(Ordering::Acquire);
        (chunk != 0).then_some((chunk + 8 * (number % CHUNK_WORDS) as usize) as *mut usize)
    }

    /// Maps a chunk if nobody has; of two threads that do at once, one gives its memory back.
    fn map_chunk(&self, index: usize) -> Option<()> {
        let chunk = &self.chunks[index];
        if chunk.load(Ordering::Acquire) != 0 {
            return Some(());
        }
        let range: Range = map_writable(CHUNK_BYTES)?;
        let stored = chunk.compare_exchange(0, range.start, Ordering::AcqRel, Ordering::Acquire);
        if stored.is_err() {
            // SAFETY: mapped above, and known to nobody else.
            unsafe { release(range) };
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_keep_their_words_until_the_bound() {
        static STORE: RecordStore<3> = RecordStore::new();
        STORE.set_limit(2 * CHUNK_BYTES);
        let mut numbers = Vec::new();
        let rest = |index: usize| vec![index; index % 100];
        while let Some(number) = STORE.add(numbers.len(), &rest(numbers.len())) {
            numbers.push(number);
        }
        assert!(STORE.used_bytes() <= 2 * CHUNK_BYTES);
        assert!(STORE.used_bytes() > 2 * CHUNK_BYTES - 8 * MAX_RECORD_WORDS);
        for (index, number) in numbers.into_iter().enumerate() {
            let words = STORE.get(number, 1 + index % 100);
            assert_eq!((words[0], &words[1..]), (index, &rest(index)[..]));
        }
        assert!(STORE.get(0, 1).is_empty());
        assert!(STORE.get(u32::MAX, 1).is_empty());
    }

    #[test]
    fn threads_add_side_by_side() {
        static STORE: RecordStore<4> = RecordStore::new();
        let add = |thread: usize| {
            let word = |index| thread << 32 | index;
            let numbers: Vec<u32> =
                (0..20_000).map(|index| STORE.add(word(index), &[index; 3]).unwrap()).collect();
            for (index, number) in numbers.into_iter().enumerate() {
                assert_eq!(STORE.get(number, 4), [word(index), index, index, index]);
            }
        };
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || add(thread));
            }
        });
    }
}
