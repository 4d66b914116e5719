//! Magazines: small arrays of free blocks of one class, which are handed over whole (Bonwick and
//! Adams, "Magazines and vmem: extending the slab allocator to many CPUs and arbitrary resources",
//! 2001). A class starts with small ones in each thread, or none, and gets big ones when it is
//! busy, so that a thread that does little keeps little.

use super::block::Block;
use crate::arithmetic::size_class::SizeClass;
use crate::services::metadata;
use crate::sync::lock::Lock;
use core::ptr::{self, NonNull};

/// A magazine as it is in memory: this header, then a null word, then `capacity` slots.
///
/// (M1) The null word never changes: it stops the one who pops.
#[repr(C)]
pub struct Magazine {
    next: *mut Magazine,
    capacity: usize,
    sentinel: usize,
}

const HEADER_WORDS: usize = size_of::<Magazine>() / size_of::<usize>();
const SMALL_BYTES: usize = 128;
const SMALL_SLOTS: usize = SMALL_BYTES / size_of::<usize>() - HEADER_WORDS;
const BIG_BYTES: usize = 512;
/// A small magazine holds at most this many bytes of blocks, and there is none for blocks so big
/// that it would be one or none.
const SMALL_BLOCK_BYTES_MAX: usize = 1 << 9;
/// A big one holds at most this many, but always one block.
const BIG_BLOCK_BYTES_MAX: usize = 64 << 10;

/// What a magazine is for, which says how many blocks it may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Model {
    /// None, for a class that a thread uses little and that is only being freed, or that one of a
    /// crowd of threads uses little: in a thousand threads what is in small ones would hold a page
    /// for each block.
    None,
    /// A class that a thread uses little: few bytes.
    Small,
    /// A class that is only being freed: few blocks, since each may be all that holds its page.
    Fading,
    /// A busy class.
    Big,
}

impl Model {
    /// How many blocks of `class` a magazine of this model holds; 0 if there is none.
    pub const fn capacity(self, class: SizeClass) -> usize {
        let (slots, block_bytes_max) = match self {
            Self::None => return 0,
            Self::Small => (SMALL_SLOTS, SMALL_BLOCK_BYTES_MAX),
            Self::Fading => (SMALL_SLOTS, BIG_BLOCK_BYTES_MAX),
            Self::Big => (BIG_BYTES / size_of::<usize>() - HEADER_WORDS, BIG_BLOCK_BYTES_MAX),
        };
        let by_bytes = block_bytes_max / class.size_bytes();
        match (self, by_bytes) {
            // A coarse block would take its slab with it, and what is known of it for reports.
            (Self::Small, 0..2) if !class.is_coarse() => 0,
            (_, 0) => 1,
            (_, by_bytes) if by_bytes < slots => by_bytes,
            _ => slots,
        }
    }
}

/// An owned magazine: whoever has this value may use the slots.
#[repr(transparent)]
#[derive(Debug)]
pub struct Cartridge(NonNull<Magazine>);

// SAFETY: it is the only way to its memory.
unsafe impl Send for Cartridge {}

impl Cartridge {
    /// A magazine for `class`, with nothing in its slots; `None` when the model has none, or there
    /// is no memory.
    pub fn new(model: Model, class: SizeClass) -> Option<Self> {
        match model.capacity(class) {
            0 => None,
            capacity => Self::with_capacity(capacity),
        }
    }

    /// One for as many blocks as this one.
    pub fn another(&self) -> Option<Self> {
        Self::with_capacity(self.capacity())
    }

    fn with_capacity(capacity: usize) -> Option<Self> {
        let is_big = capacity > SMALL_SLOTS;
        // Not in the match: the lock would be closed to its end.
        let spare = SPARE[usize::from(is_big)].lock().pop();
        let cartridge = match spare {
            Some(spare) => spare,
            None => {
                let bytes = if is_big { BIG_BYTES } else { SMALL_BYTES };
                Self(metadata::allocate(bytes)?.cast())
            }
        };
        // SAFETY: the memory is this value's alone.
        unsafe {
            let magazine = cartridge.0.as_ptr();
            (*magazine).capacity = capacity;
            (*magazine).sentinel = 0;
        }
        Some(cartridge)
    }

    /// Gives the magazine's memory back for other classes. It must be empty.
    pub fn recycle(self) {
        SPARE[usize::from(self.capacity() > SMALL_SLOTS)].lock().push(self);
    }

    /// How many blocks it can hold.
    pub fn capacity(&self) -> usize {
        // SAFETY: the memory is this value's alone.
        unsafe { (*self.0.as_ptr()).capacity }
    }

    /// The address of the null word, where the top of an empty magazine points.
    pub fn bottom(&self) -> *mut usize {
        // SAFETY: the field is inside the magazine.
        unsafe { &raw mut (*self.0.as_ptr()).sentinel }
    }

    /// The address of the last slot, where the top of a full magazine points.
    pub fn limit(&self) -> *mut usize {
        // SAFETY: the slots follow the null word.
        unsafe { self.bottom().add(self.capacity()) }
    }

    /// The block in slot `index` (from 0).
    ///
    /// # Safety
    /// A block must have been stored there.
    pub unsafe fn block(&self, index: usize) -> Block {
        debug_assert!(index < self.capacity());
        // SAFETY: the caller's promise.
        unsafe { Block::at(self.bottom().add(1 + index).read()) }
    }

    /// Stores a block in slot `index` (from 0).
    pub fn set_block(&mut self, index: usize, block: Block) {
        debug_assert!(index < self.capacity());
        // SAFETY: the slot is inside the magazine.
        unsafe { self.bottom().add(1 + index).write(block.address()) };
    }

    /// Moves the last `count` blocks before `end` to the first slots.
    pub fn move_down(&mut self, end: usize, count: usize) {
        debug_assert!(count <= end && end <= self.capacity());
        let first = self.bottom().wrapping_add(1);
        // SAFETY: both ranges are slots of this magazine.
        unsafe { ptr::copy(first.add(end - count), first, count) };
    }
}

/// A list of magazines, linked through their headers.
pub struct Stack {
    head: *mut Magazine,
    count: usize,
}

// SAFETY: it owns its magazines.
unsafe impl Send for Stack {}

impl Stack {
    /// An empty list.
    pub const fn new() -> Self {
        Self { head: ptr::null_mut(), count: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Puts one on top.
    pub fn push(&mut self, cartridge: Cartridge) {
        // SAFETY: the memory is the cartridge's alone, and from now on the list's.
        unsafe { (*cartridge.0.as_ptr()).next = self.head };
        self.head = cartridge.0.as_ptr();
        self.count += 1;
    }

    /// Takes the one on top.
    pub fn pop(&mut self) -> Option<Cartridge> {
        let top = NonNull::new(self.head)?;
        // SAFETY: the list owns its magazines.
        self.head = unsafe { (*top.as_ptr()).next };
        self.count -= 1;
        Some(Cartridge(top))
    }

    /// Calls `visit` with each magazine.
    pub fn for_each(&self, mut visit: impl FnMut(&Cartridge)) {
        let mut at = self.head;
        while let Some(magazine) = NonNull::new(at) {
            // The list lends it: the copy is forgotten, it has no destructor.
            visit(&Cartridge(magazine));
            // SAFETY: the list owns its magazines.
            at = unsafe { (*magazine.as_ptr()).next };
        }
    }
}

/// Magazines that no class uses: short ones and long ones.
static SPARE: [Lock<Stack>; 2] = [Lock::new(Stack::new()), Lock::new(Stack::new())];

/// The locks of the spare magazines, in the order in which they are taken.
pub fn spare_locks() -> &'static [Lock<Stack>; 2] {
    &SPARE
}
