//! Memory that holds one word again and again: writing it, and looking whether it still does, in
//! pieces of sixteen bytes. Where a length is no multiple of them, pieces overlap.
//!
//! For all functions: `first` is what eight bytes read as at `start`, and `last` eight bytes that
//! end at `end`; the two are the same word, turned.

use core::arch::x86_64::{
    __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi64x,
    _mm_setzero_si128, _mm_storeu_si128, _mm_xor_si128,
};

const PIECE_BYTES: usize = 16;
/// The least length that the functions here work on.
pub const LEAST_BYTES: usize = PIECE_BYTES;
/// How much is done between two looks at whether that was all.
const STRIDE_BYTES: usize = 4 * PIECE_BYTES;

/// Fills the bytes from `start` to `end`, at least [`LEAST_BYTES`]. Nothing is read, so that
/// nothing waits for memory that is in no cache.
///
/// # Safety
/// The range must be writable.
#[inline(always)]
pub unsafe fn fill(start: usize, end: usize, first: u64, last: u64) {
    // SAFETY: SSE2 is a part of x86-64; the pieces lie within the range, by the caller's promise.
    unsafe {
        let (first, last) = (_mm_set1_epi64x(first as i64), _mm_set1_epi64x(last as i64));
        let store = |place: usize, piece| _mm_storeu_si128(place as *mut __m128i, piece);
        let mut place = start;
        if end - start > STRIDE_BYTES {
            while place < end - STRIDE_BYTES {
                store(place, first);
                store(place + PIECE_BYTES, first);
                store(place + 2 * PIECE_BYTES, first);
                store(place + 3 * PIECE_BYTES, first);
                place += STRIDE_BYTES;
            }
        }
        // At most a stride is left.
        if end - place > 2 * PIECE_BYTES {
            store(place, first);
            store(place + PIECE_BYTES, first);
            store(end - 2 * PIECE_BYTES, last);
        } else if end - place > PIECE_BYTES {
            store(place, first);
        }
        store(end - PIECE_BYTES, last);
    }
}

/// Whether the bytes from `start` to `end`, at least [`LEAST_BYTES`], are as [`fill`] leaves them.
///
/// # Safety
/// The range must be readable.
#[inline(always)]
pub unsafe fn is_filled(start: usize, end: usize, first: u64, last: u64) -> bool {
    // SAFETY: as in `fill`.
    unsafe {
        let (first, last) = (_mm_set1_epi64x(first as i64), _mm_set1_epi64x(last as i64));
        let differences =
            |place: usize, piece| _mm_xor_si128(_mm_loadu_si128(place as *const __m128i), piece);
        let mut found = differences(end - PIECE_BYTES, last);
        let mut place = start;
        if end - start > STRIDE_BYTES {
            let mut other = _mm_setzero_si128();
            while place < end - STRIDE_BYTES {
                found = _mm_or_si128(found, differences(place, first));
                other = _mm_or_si128(other, differences(place + PIECE_BYTES, first));
                found = _mm_or_si128(found, differences(place + 2 * PIECE_BYTES, first));
                other = _mm_or_si128(other, differences(place + 3 * PIECE_BYTES, first));
                place += STRIDE_BYTES;
            }
            found = _mm_or_si128(found, other);
        }
        if end - place > 2 * PIECE_BYTES {
            let pair =
                _mm_or_si128(differences(place, first), differences(place + PIECE_BYTES, first));
            found = _mm_or_si128(found, differences(end - 2 * PIECE_BYTES, last));
            found = _mm_or_si128(found, pair);
        } else if end - place > PIECE_BYTES {
            found = _mm_or_si128(found, differences(place, first));
        }
        _mm_movemask_epi8(_mm_cmpeq_epi8(found, _mm_setzero_si128())) == 0xffff
    }
}
