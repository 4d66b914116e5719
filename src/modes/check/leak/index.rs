//! From an address to the block that holds it.
//!
//! The address space is cut into **groups** of 2 MiB. Neighbouring groups with blocks form an
//! **extent**; a group's entry leads to a table of its 512 pages, which says for each page which is
//! the first block that starts there or behind; or the entry names the one block that covers the
//! group. So memory for the index follows what is used of the address space, not how far it is
//! spread.
//!
//! A look-up waits for memory two or three times, so many are made side by side: each step is taken
//! for all of a batch, and asks for what the next step will read.

use super::Candidate;
use crate::os::processor::prefetch;

const GROUP_SHIFT: u32 = 21;
const PAGE_SHIFT: u32 = 12;
const PAGES: usize = 1 << (GROUP_SHIFT - PAGE_SHIFT);

/// Marks an entry that names a block, not a table.
const COVERED: u32 = 1 << 31;
/// How many blocks can be told apart.
pub const BLOCKS_MAX: usize = COVERED as usize - 1;

/// For each page of a group, and for its end, the first block that starts there or behind.
pub type PageTable = [u32; PAGES + 1];

/// Neighbouring groups that have blocks.
#[derive(Clone, Copy)]
pub struct Extent {
    first_group: usize,
    groups: usize,
    /// Where the entries of its groups begin.
    entries: usize,
}

/// What is in a group.
enum Content {
    /// The first block that starts in it.
    Starts(usize),
    /// The block that covers it; none starts in it.
    Covered(usize),
}

/// How much room an index needs.
#[derive(Clone, Copy, Default)]
pub struct IndexPlan {
    /// How many extents.
    pub extents: usize,
    /// How many entries of groups.
    pub entries: usize,
    /// How many tables.
    pub tables: usize,
    /// How many blocks.
    pub blocks: usize,
}

impl IndexPlan {
    /// For these blocks, sorted by address.
    pub fn new(blocks: &[Candidate]) -> Self {
        let mut plan = Self { blocks: blocks.len(), ..Self::default() };
        let mut last = None;
        each_group(blocks, |group, content| {
            plan.extents += usize::from(last.is_none_or(|last| last + 1 != group));
            plan.entries += 1;
            plan.tables += usize::from(matches!(content, Content::Starts(_)));
            last = Some(group);
        });
        plan
    }
}

/// Calls `visit` for each group with a block, in order.
fn each_group(blocks: &[Candidate], mut visit: impl FnMut(usize, Content)) {
    let mut last = None;
    for (number, block) in blocks.iter().enumerate() {
        let first = block.start >> GROUP_SHIFT;
        if last != Some(first) {
            visit(first, Content::Starts(number));
        }
        let next = blocks.get(number + 1).map_or(usize::MAX, |next| next.start >> GROUP_SHIFT);
        let behind = ((block.end() - 1) >> GROUP_SHIFT) + 1;
        let covered = first + 1..behind.min(next);
        last = Some(first.max(covered.end - 1));
        covered.for_each(|group| visit(group, Content::Covered(number)));
    }
}

/// Room for an index.
pub struct IndexParts<'a> {
    /// As many as the plan says.
    pub extents: &'a mut [Extent],
    /// As many as the plan says.
    pub entries: &'a mut [u32],
    /// As many as the plan says.
    pub tables: &'a mut [PageTable],
    /// As many as there are blocks.
    pub offsets: &'a mut [u32],
}

impl<'a> IndexParts<'a> {
    /// Fills the index for `blocks`, the same that the plan was made for.
    pub fn build(self, blocks: &'a [Candidate]) -> Index<'a> {
        let (mut extents, mut entries, mut tables) = (0, 0, 0);
        let mut last = None;
        each_group(blocks, |group, content| {
            if last.is_none_or(|last| last + 1 != group) {
                self.extents[extents] = Extent { first_group: group, groups: 0, entries };
                extents += 1;
            }
            self.extents[extents - 1].groups += 1;
            self.entries[entries] = match content {
                Content::Covered(block) => COVERED | block as u32,
                Content::Starts(first) => {
                    fill(&mut self.tables[tables], group, first, blocks);
                    tables += 1;
                    tables as u32 - 1
                }
            };
            entries += 1;
            last = Some(group);
        });
        for (offset, block) in self.offsets.iter_mut().zip(blocks) {
            *offset = offset_in_group(block.start);
        }
        let lowest = blocks.first().map_or(0, |block| block.start);
        let length = blocks.last().map_or(0, |block| block.end()) - lowest;
        Index {
            blocks,
            lowest,
            length,
            extents: self.extents,
            entries: self.entries,
            tables: self.tables,
            offsets: self.offsets,
        }
    }
}

fn offset_in_group(address: usize) -> u32 {
    (address % (1 << GROUP_SHIFT)) as u32
}

fn fill(table: &mut PageTable, group: usize, first: usize, blocks: &[Candidate]) {
    let mut number = first;
    for (page, entry) in table.iter_mut().enumerate() {
        let address = (group << GROUP_SHIFT) + (page << PAGE_SHIFT);
        while blocks.get(number).is_some_and(|block| block.start < address) {
            number += 1;
        }
        *entry = number as u32;
    }
}

/// Finds blocks by address.
pub struct Index<'a> {
    /// The blocks, sorted by address.
    pub blocks: &'a [Candidate],
    lowest: usize,
    length: usize,
    extents: &'a [Extent],
    entries: &'a [u32],
    tables: &'a [PageTable],
    /// Each block's offset in the group that it starts in: all that is read of most blocks.
    offsets: &'a [u32],
}

/// How many addresses are looked up side by side.
pub const BATCH: usize = 64;
/// There is no block at an address.
pub const NOTHING: u32 = u32::MAX;

impl Index<'_> {
    /// Whether `word` can be an address in a block at all.
    #[inline(always)]
    pub fn may_hold(&self, word: usize) -> bool {
        word.wrapping_sub(self.lowest) < self.length
    }

    /// The number of the block that `address` lies in.
    pub fn find(&self, address: usize) -> Option<usize> {
        let mut found = [NOTHING];
        self.find_all(&[address], &mut found);
        (found[0] != NOTHING).then_some(found[0] as usize)
    }

    /// The number of the block that each address lies in, or [`NOTHING`]. At most [`BATCH`].
    pub fn find_all(&self, addresses: &[usize], found: &mut [u32]) {
        let mut entries = [NOTHING; BATCH];
        for (address, entry) in addresses.iter().zip(&mut entries) {
            *entry = self.entry(address >> GROUP_SHIFT);
            if *entry & COVERED == 0 {
                let slot = &raw const self.tables[*entry as usize][page_of(*address)];
                prefetch(slot as usize);
            }
        }
        let mut spans = [(0u32, 0u32); BATCH];
        for ((address, entry), span) in addresses.iter().zip(entries).zip(&mut spans) {
            if entry & COVERED == 0 {
                let (table, page) = (&self.tables[entry as usize], page_of(*address));
                *span = (table[page], table[page + 1]);
                let middle = (span.0 + span.1) as usize / 2;
                prefetch(self.offsets.as_ptr().wrapping_add(middle) as usize);
            }
        }
        for (at, address) in addresses.iter().enumerate() {
            found[at] = match entries[at] {
                NOTHING => NOTHING,
                entry if entry & COVERED != 0 => self.confirm(entry & !COVERED, *address),
                _ => self.find_in(spans[at], *address),
            };
        }
    }

    /// The entry of a group, or [`NOTHING`], which has the bit of [`COVERED`] too.
    fn entry(&self, group: usize) -> u32 {
        let before = self.extents.partition_point(|extent| extent.first_group <= group);
        let Some(extent) = self.extents[..before].last() else { return NOTHING };
        if group - extent.first_group >= extent.groups {
            return NOTHING;
        }
        self.entries[extent.entries + (group - extent.first_group)]
    }

    /// Among the blocks of a page, and the last one before it.
    fn find_in(&self, (from, to): (u32, u32), address: usize) -> u32 {
        let (from, to) = (from as usize, to as usize);
        let wanted = offset_in_group(address);
        let starts = self.offsets[from..to].partition_point(|offset| *offset <= wanted);
        match (from + starts).checked_sub(1) {
            Some(number) if starts > 0 && self.offsets[number] == wanted => number as u32,
            Some(number) => self.confirm(number as u32, address),
            None => NOTHING,
        }
    }

    fn confirm(&self, number: u32, address: usize) -> u32 {
        let block = &self.blocks[number as usize];
        if (block.start..block.end()).contains(&address) {
            number
        } else {
            NOTHING
        }
    }
}

fn page_of(address: usize) -> usize {
    (address >> PAGE_SHIFT) % PAGES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::random::Random;

    fn block(start: usize, size_bytes: usize) -> Candidate {
        Candidate { start, size_bytes, stack: 0, function: 0, flags: 0 }
    }

    /// Compares the index with a plain search, at and around all borders.
    fn check(blocks: &[Candidate]) {
        let plan = IndexPlan::new(blocks);
        let mut extents = vec![Extent { first_group: 0, groups: 0, entries: 0 }; plan.extents];
        let mut entries = vec![0; plan.entries];
        let mut tables = vec![[0; PAGES + 1]; plan.tables];
        let mut offsets = vec![0; plan.blocks];
        let parts = IndexParts {
            extents: &mut extents,
            entries: &mut entries,
            tables: &mut tables,
            offsets: &mut offsets,
        };
        let index = parts.build(blocks);
        let borders = blocks.iter().flat_map(|block| [block.start, block.end()]);
        let steps = [0usize, 1, 8, 4096, 1 << 21, 5 << 20];
        for border in borders {
            for address in steps.iter().flat_map(|step| [border - step, border + step]) {
                let holds = |block: &Candidate| (block.start..block.end()).contains(&address);
                let expected = blocks.iter().position(holds);
                let found = index.may_hold(address).then(|| index.find(address)).flatten();
                assert_eq!(found, expected, "{address:#x}");
            }
        }
    }

    #[test]
    fn blocks_are_found_at_their_borders() {
        const BASE: usize = 0x7000_0000_0000;
        check(&[]);
        check(&[block(BASE, 0)]);
        check(&[block(BASE, 16), block(BASE + 16, 16), block(BASE + 4096 - 8, 4096)]);
        // One that covers groups, with others just before and behind it, and one far away.
        let end = BASE + (9 << 20) + 24;
        check(&[block(BASE - 8, 8), block(BASE, 9 << 20), block(end, 1), block(BASE << 1, 64)]);
        check(&[block(BASE, 2 << 20), block(BASE + (2 << 20), 2 << 20)]);
    }

    #[test]
    fn random_blocks_are_found() {
        let mut random = Random::new(1);
        for _ in 0..20 {
            let mut address = 0x5000_0000_0000;
            let blocks: Vec<Candidate> = (0..200)
                .map(|_| {
                    let gap = [0, 16, 4096, 3 << 20][random.below(4)];
                    let size = [1, 48, 100, 5000, 7 << 20][random.below(5)];
                    address += gap;
                    let block = block(address, size);
                    address += size.next_multiple_of(8);
                    block
                })
                .collect();
            check(&blocks);
        }
    }
}
