//! What must be true of each live block.

use std::collections::BTreeMap;
use std::ffi::c_void;

/// A live block.
pub struct Block {
    /// Bytes that were asked for.
    pub size: usize,
    /// The alignment that was asked for.
    pub alignment: usize,
    usable: usize,
    pattern: u8,
}

/// The blocks that are alive, by address.
#[derive(Default)]
pub struct Model {
    blocks: BTreeMap<usize, Block>,
    addresses: Vec<usize>,
    usable_bytes: usize,
    patterns: u8,
}

impl Model {
    /// Bytes of all of them.
    pub fn usable_bytes(&self) -> usize {
        self.usable_bytes
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Adds a block that was just allocated, and fills it.
    pub fn add(&mut self, address: usize, size: usize, alignment: usize) {
        let at_least = if size < 16 && alignment <= 16 { 16 } else { alignment.max(16) };
        assert_eq!(address % at_least, 0, "{size} bytes at {address:#x}, aligned to {alignment}");
        // SAFETY: a live block.
        let usable = unsafe { libc::malloc_usable_size(address as *mut c_void) };
        assert!(usable >= size, "{usable} of {size} bytes usable");
        if let Some((before, block)) = self.blocks.range(..=address).next_back() {
            assert!(before + block.usable <= address, "{before:#x} and {address:#x} overlap");
        }
        if let Some((after, _)) = self.blocks.range(address..).next() {
            assert!(address + usable <= *after, "{address:#x} and {after:#x} overlap");
        }
        self.patterns = self.patterns.wrapping_add(37);
        let block = Block { size, alignment, usable, pattern: self.patterns };
        for place in places(usable) {
            // SAFETY: inside the block.
            unsafe { ((address + place) as *mut u8).write(block.pattern ^ place as u8) };
        }
        self.usable_bytes += usable;
        self.blocks.insert(address, block);
        self.addresses.push(address);
    }

    /// Puts back, as the last one, a block that [`Model::take`] took out.
    pub fn add_again(&mut self, address: usize, block: Block) {
        self.usable_bytes += block.usable;
        self.blocks.insert(address, block);
        self.addresses.push(address);
    }

    /// Takes out the block that a number picks, with its address, and looks at what it holds.
    pub fn take(&mut self, number: usize) -> Option<(usize, Block)> {
        let length = self.addresses.len();
        let address = self.addresses.swap_remove(number.checked_rem(length)?);
        let block = self.blocks.remove(&address)?;
        block.check(address, block.usable);
        // SAFETY: a live block.
        let usable = unsafe { libc::malloc_usable_size(address as *mut c_void) };
        assert_eq!(usable, block.usable, "the usable size of {address:#x} changed");
        self.usable_bytes -= usable;
        Some((address, block))
    }
}

impl Block {
    /// How many bytes it has.
    pub fn usable(&self) -> usize {
        self.usable
    }

    /// Looks at the first bytes of the block, or of what has been copied from it.
    pub fn check(&self, address: usize, length: usize) {
        for place in places(self.usable).filter(|place| *place < length) {
            // SAFETY: inside a live block.
            let byte = unsafe { ((address + place) as *const u8).read() };
            assert_eq!(byte, self.pattern ^ place as u8, "byte {place} of {address:#x} changed");
        }
    }
}

/// The first bytes, one in each page, and the last.
fn places(length: usize) -> impl Iterator<Item = usize> {
    let last = length.checked_sub(1);
    (0..length.min(96)).chain((96..length).step_by(4093)).chain(last)
}

/// All bytes of a block must be zero.
pub fn check_zero(address: usize, size: usize) {
    // SAFETY: a live block.
    let bytes = unsafe { std::slice::from_raw_parts(address as *const u8, size) };
    let changed = bytes.iter().position(|byte| *byte != 0);
    assert_eq!(changed, None, "calloc's block of {size} at {address:#x} isn't zero");
}
