//! Where a new block lies: in the guarded region, or in the heap with room for canaries around it.

use super::budget::{self, Side};
use super::marks::{CANARY_BEFORE_MAX, CANARY_BEHIND_MAX};
use super::record::Placement;
use super::stacks::StackNumber;
use super::{guard, precision, telling};
use crate::arithmetic::function::Request;
use crate::arithmetic::size_class::{SizeClass, FINE_MAX};
use crate::heap::slow;
use crate::heap::thread_heap::Heap;
use crate::os::{clock, signals};

/// The least room around a block.
pub const CANARY_LEAST: usize = 16;

/// Where a new block lies, and what is around it.
pub struct Place {
    /// The block's address.
    pub address: usize,
    /// Where it lies.
    pub placement: Placement,
    /// See [`super::record::Record::class`].
    pub class: u8,
    /// See [`super::record::Record::lead_log2`].
    pub lead_log2: u8,
    /// How many bytes before it are to be canary.
    pub canary_before: u8,
    /// How many bytes behind it are to be canary.
    pub canary_behind: u8,
    /// Whether the block reads as zero.
    pub is_zero: bool,
}

/// Takes a slot of the guarded region. `None` when there is none to be had.
#[cold]
pub fn guarded(request: Request, side: Side, stack: StackNumber) -> Option<Place> {
    let since = clock::ticks();
    let size_bytes = request.size_bytes;
    let alignment = request.alignment.max(precision::alignment_for(size_bytes, stack));
    let Some(address) = guard::allocate(size_bytes, alignment, side == Side::Left) else {
        budget::note_failed();
        if guard::is_exhausted() {
            telling::note("the kernel gives no more guards: later blocks have canaries only");
        }
        return None;
    };
    budget::note_live(size_bytes, true);
    signals::stay_in_front();
    if size_bytes > 0 {
        // Its first use, and the kernel's part in it, are the guards' doing as well. It is written,
        // because a page that is only read is a shared one of zeroes, and faults once more.
        // SAFETY: the block's first byte, which is zero.
        unsafe { (address as *mut u8).write_volatile(0) };
    }
    budget::spend(since);
    let placement = match side {
        Side::Right => Placement::GuardedRight,
        Side::Left => Placement::GuardedLeft,
    };
    let extent = guard::data_of(address, size_bytes);
    let place = Place {
        address,
        placement,
        class: 0,
        lead_log2: 0,
        canary_before: 0,
        canary_behind: 0,
        is_zero: true,
    };
    Some(place.with_canaries(size_bytes, extent.start, extent.end()))
}

impl Place {
    /// Behind `lead` bytes of a block of the heap that starts at `outer`.
    #[inline(always)]
    fn in_heap(outer: usize, lead: usize, class: Option<SizeClass>, is_zero: bool) -> Self {
        Self {
            address: outer + lead,
            placement: Placement::Plain,
            class: class.map_or(0, |class| class.index() as u8),
            lead_log2: lead.trailing_zeros() as u8,
            canary_before: 0,
            canary_behind: 0,
            is_zero,
        }
    }

    /// Plans the canaries in the room around a block.
    #[inline]
    fn with_canaries(self, size_bytes: usize, room_start: usize, room_end: usize) -> Self {
        let end = self.address + size_bytes;
        let before = (self.address - room_start).min(CANARY_BEFORE_MAX);
        let behind = (room_end - end).min(CANARY_BEHIND_MAX);
        Self { canary_before: before as u8, canary_behind: behind as u8, ..self }
    }
}

/// Takes a block from the heap with room for canaries.
#[inline(always)]
pub fn plain(heap: Option<&mut Heap>, request: Request) -> Option<Place> {
    const SMALL_MAX: usize = FINE_MAX - 2 * CANARY_LEAST;
    let Request { size_bytes, alignment, .. } = request;
    match heap {
        Some(heap) if size_bytes <= SMALL_MAX && alignment <= CANARY_LEAST => {
            small(heap, size_bytes)
        }
        heap => any(heap, request),
    }
}

/// As [`plain`], of a fine class.
#[inline(always)]
fn small(heap: &mut Heap, size_bytes: usize) -> Option<Place> {
    let class = SizeClass::fine_for(size_bytes + 2 * CANARY_LEAST);
    let (outer, is_zero) = match slow::take_recent(heap, class) {
        Some(taken) => taken,
        None => slow::take(Some(heap), class.size_bytes(), 1)?,
    };
    let outer = outer.address();
    let place = Place::in_heap(outer, CANARY_LEAST, Some(class), is_zero);
    Some(place.with_canaries(size_bytes, outer, outer + class.size_bytes()))
}

#[inline(never)]
fn any(heap: Option<&mut Heap>, request: Request) -> Option<Place> {
    let lead = request.alignment.max(CANARY_LEAST);
    let total = request.size_bytes.checked_add(lead + CANARY_LEAST)?;
    let (outer, is_zero) = slow::take(heap, total, request.alignment)?;
    let class = slow::class_for(total, request.alignment);
    let room_end = outer.address() + slow::usable_bytes(total, request.alignment);
    let outer = outer.address();
    let place = Place::in_heap(outer, lead, class, is_zero);
    Some(place.with_canaries(request.size_bytes, outer, room_end))
}
