//! What is mapped where, at one moment: what can hold pointers, and where code and its tables are.

use super::workspace::List;
use crate::os::files::{self, Mapping};
use crate::os::memory::Range;

/// A part of the address space, as far as it matters here.
#[derive(Clone, Copy)]
pub struct Region {
    /// Where it lies.
    pub range: Range,
    kind: u8,
}

const WRITABLE: u8 = 1;
const FILE: u8 = 2;
const CODE: u8 = 4;
const MAIN_STACK: u8 = 8;

impl Region {
    fn new(mapping: &Mapping) -> Option<Self> {
        let name = mapping.name();
        let is_file = name.starts_with(b"/");
        let is_device = name.starts_with(b"/dev/")
            && !name.starts_with(b"/dev/shm/")
            && !name.starts_with(b"/dev/zero");
        if !mapping.is_readable() || is_device {
            return None;
        }
        let mut kind = 0;
        for (is_so, bit) in [
            (mapping.is_writable(), WRITABLE),
            (is_file, FILE),
            (is_file && mapping.is_executable(), CODE),
            (name == b"[stack]", MAIN_STACK),
        ] {
            kind |= if is_so { bit } else { 0 };
        }
        let range = Range { start: mapping.start, length: mapping.end - mapping.start };
        (kind & (WRITABLE | FILE) != 0).then_some(Self { range, kind })
    }

    /// Whether the program can have written to it.
    pub fn is_writable(&self) -> bool {
        self.kind & WRITABLE != 0
    }

    /// Whether it belongs to no file, so that thread stacks may be in it.
    pub fn is_anonymous(&self) -> bool {
        self.kind & (WRITABLE | FILE | MAIN_STACK) == WRITABLE
    }

    /// Whether it is the main thread's stack.
    pub fn is_main_stack(&self) -> bool {
        self.kind & MAIN_STACK != 0
    }
}

/// How many mappings there are about now.
pub fn count() -> usize {
    let mut count = 0;
    files::find_mapping(|_| {
        count += 1;
        false
    });
    count
}

/// All regions, in the order of their addresses.
pub struct Mappings<'a> {
    /// The regions that matter.
    pub regions: &'a [Region],
}

impl<'a> Mappings<'a> {
    /// Reads them, but for those that lie in one of the `excluded` ranges. `None` if `room` is too
    /// small.
    pub fn read(room: &'a mut List<'_, Region>, excluded: &[Range]) -> Option<Self> {
        let mut fits = true;
        files::find_mapping(|mapping| {
            let is_inside =
                |range: &Range| range.start <= mapping.start && mapping.end <= range.end();
            if let Some(region) = Region::new(mapping) {
                fits = excluded.iter().any(is_inside) || room.push(region);
            }
            !fits
        });
        fits.then_some(Self { regions: room })
    }

    /// The region that `address` lies in.
    pub fn find(&self, address: usize) -> Option<&'a Region> {
        let before = self.regions.partition_point(|region| region.range.start <= address);
        let region = &self.regions[before.checked_sub(1)?];
        (address < region.range.end()).then_some(region)
    }

    /// Whether a file is mapped at `address`.
    pub fn is_file(&self, address: usize) -> bool {
        self.find(address).is_some_and(|region| region.kind & FILE != 0)
    }

    /// Whether code of a file is mapped at `address`.
    pub fn is_code(&self, address: usize) -> bool {
        self.find(address).is_some_and(|region| region.kind & CODE != 0)
    }
}
