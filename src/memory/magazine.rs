//! Magazines: small arrays of free blocks of one class, which are handed over whole (Bonwick and
//! Adams, "Magazines and vmem: extending the slab allocator to many CPUs and arbitrary resources",
//! 2001). There are two models: a class starts with the small one in each thread and gets the big
//! one when it is busy, so that a thread that does little keeps little.

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
const BIG_BYTES: usize = 512;
/// A magazine holds at most this many bytes of blocks, but always one block.
const SMALL_BLOCK_BYTES_MAX: usize = 1 << 10;
const BIG_BLOCK_BYTES_MAX: usize = 64 << 10;

/// Which of the two sizes a magazine has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Model {
    /// 128 bytes.
    Small,
    /// 512 bytes.
    Big,
}

impl Model {
    const fn bytes(self) -> usize {
        match self {
            Self::Small => SMALL_BYTES,
            Self::Big => BIG_BYTES,
        }
    }

    /// How many blocks of `class` a magazine of this model holds.
    pub const fn capacity(self, class: SizeClass) -> usize {
        let slots = self.bytes() / size_of::<usize>() - HEADER_WORDS;
        let block_bytes_max = match self {
            Self::Small => SMALL_BLOCK_BYTES_MAX,
            Self::Big => BIG_BLOCK_BYTES_MAX,
        };
        let by_bytes = block_bytes_max / class.size_bytes();
        match (by_bytes == 0, by_bytes < slots) {
            (true, _) => 1,
            (false, true) => by_bytes,
            (false, false) => slots,
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
    /// A magazine for `class`, with nothing in its slots; `None` when there is no memory.
    pub fn new(model: Model, class: SizeClass) -> Option<Self> {
        let is_no_bigger = model.capacity(class) == Model::Small.capacity(class);
        let model = if is_no_bigger { Model::Small } else { model };
        // Not in the match: the lock would be closed to its end.
        let spare = SPARE[model as usize].lock().pop();
        let cartridge = match spare {
            Some(spare) => spare,
            None => Self(metadata::allocate(model.bytes())?.cast()),
        };
        // SAFETY: the memory is this value's alone.
        unsafe {
            let magazine = cartridge.0.as_ptr();
            (*magazine).capacity = model.capacity(class);
            (*magazine).sentinel = 0;
        }
        Some(cartridge)
    }

    /// Gives the magazine's memory back for other classes. It must be empty.
    pub fn recycle(self, model: Model) {
        SPARE[model as usize].lock().push(self);
    }

    /// How many blocks it can hold.
    pub fn capacity(&self) -> usize {
        // SAFETY: the memory is this value's alone.
        unsafe { (*self.0.as_ptr()).capacity }
    }

    /// Which model it is, given its class.
    pub fn model(&self, class: SizeClass) -> Model {
        // Where both would hold the same, it is a small one: see `new`.
        match self.capacity() > Model::Small.capacity(class) {
            true => Model::Big,
            false => Model::Small,
        }
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

/// Magazines that no class uses, by model.
static SPARE: [Lock<Stack>; 2] = [Lock::new(Stack::new()), Lock::new(Stack::new())];

/// The locks of the spare magazines, in the order in which they are taken.
pub fn spare_locks() -> &'static [Lock<Stack>; 2] {
    &SPARE
}
