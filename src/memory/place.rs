//! Where the arena lies: address space for the heap and for its tables, aligned and hard to guess.

use crate::arithmetic::random::Random;
use crate::os::memory::{self, Range};

/// Huge pages need it, and moving page tables as a whole.
const ALIGNMENT: usize = 2 << 20;
/// Where claimed address space is looked for: from 32 to 80 TiB nothing is mapped by itself (the
/// program lies above, AddressSanitizer's shadow below).
const CLAIM_FROM: usize = 0x2000_0000_0000;
const CLAIM_SPAN: usize = 0x3000_0000_0000;
/// From how many places one is chosen at random, beside what the kernel chooses.
const PLACES: usize = 1 << 16;

/// Addresses for the heap and for its tables, aligned and hard to guess.
pub fn find_space(heap_bytes: usize, tables_bytes: usize, random: &mut Random) -> (usize, usize) {
    if !memory::is_address_space_limited() {
        if let Some(found) = reserve_both(heap_bytes, tables_bytes, random) {
            return found;
        }
    }
    memory::claim_from_now_on();
    let heap = CLAIM_FROM + random.below(CLAIM_SPAN / ALIGNMENT) * ALIGNMENT;
    let tables = heap + heap_bytes + ALIGNMENT * (1 + random.below(PLACES));
    (heap, tables)
}

fn reserve_both(
    heap_bytes: usize,
    tables_bytes: usize,
    random: &mut Random,
) -> Option<(usize, usize)> {
    let heap = reserve_aligned(heap_bytes, random)?;
    let Some(tables) = reserve_aligned(tables_bytes, random) else {
        // SAFETY: just reserved, used by nobody.
        unsafe { memory::release(heap) };
        return None;
    };
    Some((heap.start, tables.start))
}

/// Reserves `length` bytes at a random distance from what was mapped last: somewhere in a longer
/// range, the rest of which is given back.
fn reserve_aligned(length: usize, random: &mut Random) -> Option<Range> {
    let whole = memory::reserve(0, length + ALIGNMENT * PLACES)?;
    let start = whole.start.next_multiple_of(ALIGNMENT) + ALIGNMENT * random.below(PLACES - 1);
    let range = Range { start, length };
    let before = Range { start: whole.start, length: start - whole.start };
    let behind = Range { start: range.end(), length: whole.end() - range.end() };
    for rest in [before, behind] {
        if rest.length > 0 {
            // SAFETY: just reserved, used by nobody.
            unsafe { memory::release(rest) };
        }
    }
    Some(range)
}
