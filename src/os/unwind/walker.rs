//! Walking from frame to frame.

use super::description::{self, Caller};
use super::probe::Registers;
use super::rule::{rule_for, Base, Rule, SavedBp};
use super::window::Window;
use core::mem::offset_of;

/// One frame of a stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Frame {
    /// Where the frame goes on: the address behind a call. For an instruction that was interrupted
    /// by a signal, or that the walk began at, its address plus one; so the address less one always
    /// lies in the instruction that is meant.
    pub return_address: usize,
    /// Where on the stack that address stands; 0 for an interrupted instruction.
    pub slot: usize,
}

/// What a walk went by. When all of it is as it was, another walk goes the same way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dependency {
    /// The word of the stack at this address.
    Slot(usize),
    /// rbp as it was at the start.
    Bp,
    /// More than these can say.
    Untold,
}

/// A walk.
pub struct Walker<'a> {
    start: &'a Registers,
    /// The registers that a signal interrupted, if the walk has come so far.
    interrupted: Option<Registers>,
    /// How many frames ago all registers were known.
    frames_since: u32,
    rule: Rule,
    /// An address in the instruction that the frame is at.
    address: usize,
    sp: usize,
    bp: usize,
    /// Where `bp` was read, or 0 while it is what it was at the start.
    bp_slot: usize,
    window: Window,
    thread_window: Option<Window>,
}

impl<'a> Walker<'a> {
    /// Begins at `registers`, with what is known of the stack.
    #[inline]
    pub fn new(registers: &'a Registers, mut window: Window) -> Self {
        window.enter(registers.sp());
        Self {
            start: registers,
            interrupted: None,
            frames_since: 0,
            rule: rule_at_instruction(registers.pc),
            address: registers.pc,
            sp: registers.sp(),
            bp: registers.bp(),
            bp_slot: 0,
            window,
            thread_window: None,
        }
    }

    /// The frame that the walk begins at.
    pub fn first(&self) -> Frame {
        Frame { return_address: self.start.pc.wrapping_add(1), slot: 0 }
    }

    /// What is now known of the stack that the walk began on.
    pub fn window(&self) -> Window {
        self.thread_window.unwrap_or(self.window)
    }

    /// Whether the walk has come to where the thread began, rather than to nonsense.
    pub fn is_at_end(&self) -> bool {
        self.rule.base() == Base::End
    }

    /// Goes to the caller's frame, and tells `note` what it went by: the word of the return address
    /// last. `None` at the stack's end.
    #[inline]
    pub fn step(&mut self, mut note: impl FnMut(Dependency)) -> Option<Frame> {
        let base = match self.rule.base() {
            Base::Sp => self.sp.wrapping_add_signed(self.rule.offset()),
            Base::Bp => {
                note(self.bp_dependency());
                self.bp.wrapping_add_signed(self.rule.offset())
            }
            Base::StoredAtBp => {
                note(self.bp_dependency());
                let place = self.bp.wrapping_add_signed(self.rule.offset());
                note(Dependency::Slot(place));
                self.window.word(place)?
            }
            Base::Described => {
                note(Dependency::Untold);
                return self.step_described();
            }
            Base::Signal => {
                note(Dependency::Untold);
                return self.step_signal();
            }
            Base::End | Base::Nothing => return None,
        };
        if !Window::is_frame(self.sp, base) {
            return None;
        }
        let slot = base - 8;
        let return_address = self.window.word(slot)?;
        match self.rule.saved_bp() {
            SavedBp::Kept => {}
            SavedBp::FromBase(words) => {
                self.load_bp(base.wrapping_add_signed(8 * words as isize))?
            }
            SavedBp::AtBp => {
                note(self.bp_dependency());
                self.load_bp(self.bp)?;
            }
        }
        note(Dependency::Slot(slot));
        self.frames_since += 1;
        self.arrive(return_address, slot, base)
    }

    fn bp_dependency(&self) -> Dependency {
        match self.bp_slot {
            0 => Dependency::Bp,
            slot => Dependency::Slot(slot),
        }
    }

    #[inline(always)]
    fn load_bp(&mut self, slot: usize) -> Option<()> {
        self.bp = self.window.word(slot)?;
        self.bp_slot = slot;
        Some(())
    }

    /// Goes on in the frame that `return_address` leads to, if it is one.
    #[inline(always)]
    fn arrive(&mut self, return_address: usize, slot: usize, sp: usize) -> Option<Frame> {
        if !is_code_address(return_address) {
            // A thread's first function may leave nothing to return to.
            let base = if return_address == 0 { Base::End } else { Base::Nothing };
            self.rule = Rule::only(base);
            return None;
        }
        (self.address, self.sp) = (return_address - 1, sp);
        self.rule = rule_for(self.address, description::find_rule);
        (self.rule.base() != Base::Nothing).then_some(Frame { return_address, slot })
    }

    /// Evaluates the frame's description with all registers; where they were lost, because short
    /// rules don't follow them, from the last frame on where they were known.
    #[cold]
    fn step_described(&mut self) -> Option<Frame> {
        let mut known = *self.interrupted.as_ref().unwrap_or(self.start);
        let mut address = known.pc;
        for _ in 0..self.frames_since {
            known = description::evaluate(address, &known, &mut self.window)?.registers;
            address = known.pc.checked_sub(1)?;
        }
        let Caller { registers, slot } =
            description::evaluate(self.address, &known, &mut self.window)?;
        if !Window::is_frame(self.sp, registers.sp()) {
            return None;
        }
        self.frames_since += 1;
        (self.bp, self.bp_slot) = (registers.bp(), 0);
        self.arrive(registers.pc, slot, registers.sp())
    }

    /// Goes on where a signal interrupted the program, perhaps on another stack.
    #[cold]
    fn step_signal(&mut self) -> Option<Frame> {
        const SAVED: usize =
            offset_of!(libc::ucontext_t, uc_mcontext) + offset_of!(libc::mcontext_t, gregs);
        let saved = self.sp.wrapping_add(SAVED);
        let count = libc::REG_RIP + 1;
        for index in 0..count as usize {
            self.window.word(saved + 8 * index)?;
        }
        let read = |index: i32| self.window.known_word(saved + 8 * index as usize).unwrap_or(0);
        let registers = Registers::from_saved(read);
        if !is_code_address(registers.pc) {
            return None;
        }
        self.thread_window.get_or_insert(self.window);
        self.window.enter(registers.sp());
        self.rule = rule_at_instruction(registers.pc);
        (self.address, self.sp, self.bp) = (registers.pc, registers.sp(), registers.bp());
        (self.bp_slot, self.frames_since) = (0, 0);
        self.interrupted = Some(registers);
        Some(Frame { return_address: registers.pc + 1, slot: 0 })
    }
}

/// The rule for an instruction that was interrupted: also where there is no description, such as in
/// code made at run time, the frame pointer is worth a try.
#[inline]
fn rule_at_instruction(address: usize) -> Rule {
    if !is_code_address(address) {
        return Rule::only(Base::End);
    }
    match rule_for(address, description::find_rule) {
        rule if rule.base() == Base::Nothing => Rule::FRAME_POINTER,
        rule => rule,
    }
}

/// Whether code of a program can be there: in the lower half, and not on the first pages.
#[inline(always)]
fn is_code_address(address: usize) -> bool {
    const LEAST: usize = 0x1_0000;
    const END: usize = 1 << 47;
    (LEAST..END).contains(&address)
}
