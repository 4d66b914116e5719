//! How to get from a frame to its caller's, in one word; and the table of those that were needed.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a frame's base is counted from, or why there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    /// The frame's base is rsp plus the offset.
    Sp,
    /// The frame's base is rbp plus the offset.
    Bp,
    /// The frame's base stands at rbp plus the offset: a function that aligned its stack.
    StoredAtBp,
    /// The description has to be evaluated each time.
    Described,
    /// A signal interrupted what follows; its registers stand on the stack.
    Signal,
    /// The stack ends here.
    End,
    /// There is no code here that could have called.
    Nothing,
}

/// Where the caller's rbp is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SavedBp {
    /// Still in rbp.
    Kept,
    /// So many words from the frame's base.
    FromBase(i16),
    /// Where rbp points to.
    AtBp,
}

/// A rule. The return address is always in the word below the frame's base.
///
/// Bits 0 to 2: the base; 3 and 4: the saved rbp; 16 to 31: its place; 32 to 63: the base's offset.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rule(u64);

const BASES: [Base; 8] = [
    Base::Sp,
    Base::Bp,
    Base::StoredAtBp,
    Base::Described,
    Base::Signal,
    Base::End,
    Base::Nothing,
    Base::Nothing,
];

impl Rule {
    /// A function that begins with `push rbp; mov rbp, rsp`.
    pub const FRAME_POINTER: Self = Self::new(Base::Bp, 16, SavedBp::FromBase(-2));

    /// A rule of these parts.
    pub const fn new(base: Base, offset: i32, saved: SavedBp) -> Self {
        let (kind, place) = match saved {
            SavedBp::Kept => (0, 0),
            SavedBp::FromBase(words) => (1, words as u16),
            SavedBp::AtBp => (2, 0),
        };
        Self(base as u64 | kind << 3 | (place as u64) << 16 | (offset as u32 as u64) << 32)
    }

    /// A rule without offsets.
    pub const fn only(base: Base) -> Self {
        Self::new(base, 0, SavedBp::Kept)
    }

    /// What the frame's base is counted from.
    #[inline(always)]
    pub fn base(self) -> Base {
        BASES[(self.0 & 7) as usize]
    }

    /// The frame's base, or for [`Base::StoredAtBp`] where that stands, seen from the register.
    #[inline(always)]
    pub fn offset(self) -> isize {
        (self.0 as i64 >> 32) as isize
    }

    /// Where the caller's rbp is.
    #[inline(always)]
    pub fn saved_bp(self) -> SavedBp {
        match self.0 >> 3 & 3 {
            0 => SavedBp::Kept,
            1 => SavedBp::FromBase((self.0 >> 16) as i16),
            _ => SavedBp::AtBp,
        }
    }
}

/// One entry of the table, written and read without a lock: `check` is the rule XOR its key, so two
/// halves that don't belong together don't pass for any key.
struct Entry {
    check: AtomicU64,
    rule: AtomicU64,
}

const ENTRIES_LOG2: u32 = 14;
static TABLE: [Entry; 1 << ENTRIES_LOG2] =
    [const { Entry { check: AtomicU64::new(0), rule: AtomicU64::new(0) } }; 1 << ENTRIES_LOG2];
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Forgets all rules: to be called when modules were unloaded, because others may lie where they
/// lay.
pub fn forget() {
    GENERATION.fetch_add(1, Relaxed);
}

/// How often [`forget`] was called.
#[inline(always)]
pub fn generation() -> u64 {
    GENERATION.load(Relaxed)
}

/// The rule for the instruction at `address`, which `find` finds if it isn't known yet.
#[inline(always)]
pub fn rule_for(address: usize, find: impl FnOnce(usize) -> Rule) -> Rule {
    let key = address as u64 ^ generation() << 48;
    let index = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - ENTRIES_LOG2);
    let entry = &TABLE[index as usize];
    let rule = entry.rule.load(Relaxed);
    if entry.check.load(Relaxed) ^ rule == key {
        return Rule(rule);
    }
    let found = find(address);
    entry.check.store(key ^ found.0, Relaxed);
    entry.rule.store(found.0, Relaxed);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_gives_back_its_parts() {
        for base in BASES {
            for saved in [SavedBp::Kept, SavedBp::FromBase(-2), SavedBp::FromBase(9), SavedBp::AtBp]
            {
                for offset in [0, 8, -8, 1 << 30, i32::MIN] {
                    let rule = Rule::new(base, offset, saved);
                    assert_eq!((rule.base(), rule.saved_bp()), (base, saved));
                    assert_eq!(rule.offset(), offset as isize);
                }
            }
        }
    }

    #[test]
    fn a_rule_is_found_once_until_all_are_forgotten() {
        let address = 0x7f12_3456_7890;
        let rule = Rule::new(Base::Bp, 16, SavedBp::Kept);
        assert!(rule_for(address, |_| rule) == rule);
        assert!(rule_for(address, |_| panic!("known")) == rule);
        forget();
        let other = Rule::only(Base::End);
        assert!(rule_for(address, |_| other) == other);
    }
}
