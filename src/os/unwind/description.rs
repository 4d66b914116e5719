//! The descriptions of frames that compilers leave in `.eh_frame`, read with gimli in fixed memory.

use super::probe::{is_readable, Registers};
use super::rule::{Base, Rule, SavedBp};
use super::window::Window;
use crate::os::modules::{self, Module};
use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, Encoding, EndianSlice, Format, LittleEndian,
    Operation, Pointer, Register, RegisterRule, UnwindContext, UnwindContextStorage,
    UnwindExpression, UnwindSection, UnwindTableRow,
};

type Slice<'a> = EndianSlice<'a, LittleEndian>;
type Row = UnwindTableRow<usize, Fixed>;

/// Sizes for gimli's state: more registers than x86-64 has that are kept across a call, and more
/// remembered states than compilers nest.
struct Fixed;

impl UnwindContextStorage<usize> for Fixed {
    type Rules = [(Register, RegisterRule<usize>); 24];
    type Stack = [UnwindTableRow<usize, Self>; 5];
}

const SP: Register = Register(Registers::SP as u16);
const BP: Register = Register(Registers::BP as u16);
const RETURN_ADDRESS: Register = Register(16);
const ENCODING: Encoding = Encoding { format: Format::Dwarf32, version: 4, address_size: 8 };

/// What describes a frame.
struct Description<'a> {
    row: &'a Row,
    frames: &'a EhFrame<Slice<'a>>,
    /// Whether it is said to be the frame that the kernel made for a signal's handler.
    is_signal: bool,
    function_start: usize,
}

/// Calls `visit` with what describes the frame at the instruction at `address`.
fn with_description<T>(address: usize, visit: impl FnOnce(Description) -> T) -> Option<T> {
    modules::with(address, |module| describe(module, address, visit)).flatten()
}

/// Where the function begins that the instruction at `address` belongs to, as far as frames are
/// described.
pub fn function_start(address: usize) -> Option<usize> {
    with_description(address, |description| description.function_start)
}

fn describe<T>(module: &Module, address: usize, visit: impl FnOnce(Description) -> T) -> Option<T> {
    let (header, segment) = module.frame_description()?;
    let bases = BaseAddresses::default().set_eh_frame_hdr(header.as_ptr() as u64);
    let header = EhFrameHdr::new(header, LittleEndian).parse(&bases, 8).ok()?;
    let Pointer::Direct(start) = header.eh_frame_ptr() else { return None };
    let offset = (start as usize).checked_sub(segment.as_ptr() as usize)?;
    let frames = &EhFrame::new(segment.get(offset..)?, LittleEndian);
    let (bases, address) = (bases.set_eh_frame(start), address as u64);
    let table = header.table()?;
    let entry = table.fde_for_address(frames, &bases, address, EhFrame::cie_from_offset).ok()?;
    let mut context = UnwindContext::<usize, Fixed>::new_in();
    let row = entry.unwind_info_for_address(frames, &bases, &mut context, address).ok()?;
    let is_signal = entry.is_signal_trampoline();
    let function_start = entry.initial_address() as usize;
    Some(visit(Description { row, frames, is_signal, function_start }))
}

/// The rule for the instruction at `address`, the last byte of a call or an interrupted one.
#[cold]
pub fn find_rule(address: usize) -> Rule {
    let rule = with_description(address, |description| match description.is_signal {
        true if is_signal_return(address + 1) => Rule::only(Base::Signal),
        _ => rule_of(description.row, description.frames),
    });
    // Code that was made at run time, or in assembly, may have no description, but very often it
    // has a frame pointer.
    rule.unwrap_or_else(|| match address + 1 {
        next if is_signal_return(next) => Rule::only(Base::Signal),
        next if is_after_call(next) => Rule::FRAME_POINTER,
        _ => Rule::only(Base::Nothing),
    })
}

fn rule_of(row: &Row, frames: &EhFrame<Slice>) -> Rule {
    match row.register(RETURN_ADDRESS) {
        Some(RegisterRule::Offset(-8)) => {}
        None | Some(RegisterRule::Undefined) => return Rule::only(Base::End),
        _ => return Rule::only(Base::Described),
    }
    short_rule(row, frames).unwrap_or(Rule::only(Base::Described))
}

/// The rule, if it is one of the common ones.
fn short_rule(row: &Row, frames: &EhFrame<Slice>) -> Option<Rule> {
    let saved_bp = match row.register(BP) {
        None | Some(RegisterRule::Undefined | RegisterRule::SameValue) => SavedBp::Kept,
        Some(RegisterRule::Offset(bytes)) if bytes % 8 == 0 => {
            SavedBp::FromBase((bytes / 8).try_into().ok()?)
        }
        Some(RegisterRule::Expression(e)) if bp_place(e, frames, false)? == 0 => SavedBp::AtBp,
        _ => return None,
    };
    if row.register(SP).is_some() {
        return None;
    }
    let (base, offset) = match *row.cfa() {
        CfaRule::RegisterAndOffset { register: SP, offset } => (Base::Sp, offset),
        CfaRule::RegisterAndOffset { register: BP, offset } => (Base::Bp, offset),
        CfaRule::Expression(expression) => (Base::StoredAtBp, bp_place(expression, frames, true)?),
        _ => return None,
    };
    Some(Rule::new(base, offset.try_into().ok()?, saved_bp))
}

/// The offset, if the expression is "rbp + offset", or with `is_stored` "what stands there".
fn bp_place(
    expression: UnwindExpression<usize>,
    frames: &EhFrame<Slice>,
    is_stored: bool,
) -> Option<i64> {
    let mut operations = expression.get(frames).ok()?.operations(ENCODING);
    let Operation::RegisterOffset { register: BP, offset, .. } = operations.next().ok()?? else {
        return None;
    };
    if is_stored {
        let Operation::Deref { space: false, size: 8, .. } = operations.next().ok()?? else {
            return None;
        };
    }
    operations.next().ok()?.is_none().then_some(offset)
}

/// A caller's frame.
pub struct Caller {
    /// Its registers. Those that a call may change keep their last known values.
    pub registers: Registers,
    /// Where the return address stands, or 0.
    pub slot: usize,
}

/// The frame of the caller of the frame that has these registers, all known, by evaluating what
/// describes the instruction at `address`.
#[cold]
pub fn evaluate(address: usize, registers: &Registers, window: &mut Window) -> Option<Caller> {
    match with_description(address, |description| caller(&description, registers, window)) {
        Some(caller) => caller,
        None => by_frame_pointer(registers, window),
    }
}

fn by_frame_pointer(registers: &Registers, window: &mut Window) -> Option<Caller> {
    let (bp, mut next) = (registers.bp(), *registers);
    next.general[Registers::SP] = bp.checked_add(16)?;
    next.general[Registers::BP] = window.word(bp)?;
    next.pc = window.word(bp + 8)?;
    Some(Caller { registers: next, slot: bp + 8 })
}

fn caller(description: &Description, registers: &Registers, window: &mut Window) -> Option<Caller> {
    let Description { row, frames, .. } = *description;
    let mut state = Evaluation { frames, registers, window };
    let base = match row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => {
            state.register(*register)?.wrapping_add_signed(*offset as isize)
        }
        CfaRule::Expression(expression) => state.value(*expression, None)?,
    };
    let mut next = Caller { registers: *registers, slot: 0 };
    next.registers.general[Registers::SP] = base;
    for (register, rule) in row.registers() {
        let place = match rule {
            RegisterRule::Offset(offset) => base.wrapping_add_signed(*offset as isize),
            RegisterRule::Expression(expression) => state.value(*expression, Some(base))?,
            _ => 0,
        };
        let value = match rule {
            RegisterRule::Offset(_) | RegisterRule::Expression(_) => state.window.word(place)?,
            RegisterRule::Undefined if *register == RETURN_ADDRESS => return None,
            RegisterRule::Undefined | RegisterRule::SameValue => state.register(*register)?,
            RegisterRule::ValOffset(offset) => base.wrapping_add_signed(*offset as isize),
            RegisterRule::Register(other) => state.register(*other)?,
            RegisterRule::ValExpression(expression) => state.value(*expression, Some(base))?,
            _ => return None,
        };
        match *register {
            RETURN_ADDRESS => (next.registers.pc, next.slot) = (value, place),
            register => *next.registers.general.get_mut(register.0 as usize)? = value,
        }
    }
    Some(next)
}

struct Evaluation<'a, 'b> {
    frames: &'a EhFrame<Slice<'b>>,
    registers: &'a Registers,
    window: &'a mut Window,
}

impl Evaluation<'_, '_> {
    fn register(&self, register: Register) -> Option<usize> {
        match register {
            RETURN_ADDRESS => Some(self.registers.pc),
            register => self.registers.general.get(register.0 as usize).copied(),
        }
    }

    /// The value of an expression that finds `first` on its stack, of the operations that
    /// descriptions of frames use: arithmetic, comparisons, registers and loads.
    fn value(
        &mut self,
        expression: UnwindExpression<usize>,
        first: Option<usize>,
    ) -> Option<usize> {
        let mut stack = Stack::default();
        if let Some(first) = first {
            stack.push(first)?;
        }
        let mut operations = expression.get(self.frames).ok()?.operations(ENCODING);
        while let Some(operation) = operations.next().ok()? {
            match operation {
                Operation::RegisterOffset { register, offset, .. } => {
                    stack.push(self.register(register)?.wrapping_add_signed(offset as isize))?;
                }
                Operation::Deref { space: false, size: 8, .. } => {
                    let address = stack.pop()?;
                    stack.push(self.window.word(address)?)?;
                }
                other => stack.calculate(&other)?,
            }
        }
        stack.pop()
    }
}

/// The stack of an expression's evaluation.
#[derive(Default)]
struct Stack {
    words: [usize; 8],
    length: usize,
}

impl Stack {
    fn push(&mut self, word: usize) -> Option<()> {
        *self.words.get_mut(self.length)? = word;
        self.length += 1;
        Some(())
    }

    fn pop(&mut self) -> Option<usize> {
        self.length = self.length.checked_sub(1)?;
        Some(self.words[self.length])
    }

    fn calculate(&mut self, operation: &Operation<Slice>) -> Option<()> {
        let one = match operation {
            Operation::UnsignedConstant { value } => Some(*value as usize),
            Operation::SignedConstant { value } => Some(*value as usize),
            Operation::PlusConstant { value } => Some(self.pop()?.wrapping_add(*value as usize)),
            Operation::Pick { index } => {
                Some(*self.words.get(self.length.checked_sub(1 + *index as usize)?)?)
            }
            _ => None,
        };
        if let Some(word) = one {
            return self.push(word);
        }
        let (right, left) = (self.pop()?, self.pop()?);
        let (signed_right, signed_left) = (right as isize, left as isize);
        self.push(match operation {
            Operation::Plus => left.wrapping_add(right),
            Operation::Minus => left.wrapping_sub(right),
            Operation::Mul => left.wrapping_mul(right),
            Operation::And => left & right,
            Operation::Or => left | right,
            Operation::Xor => left ^ right,
            Operation::Shl => left.checked_shl(right as u32).unwrap_or(0),
            Operation::Shr => left.checked_shr(right as u32).unwrap_or(0),
            Operation::Eq => usize::from(left == right),
            Operation::Ne => usize::from(left != right),
            Operation::Ge => usize::from(signed_left >= signed_right),
            Operation::Gt => usize::from(signed_left > signed_right),
            Operation::Le => usize::from(signed_left <= signed_right),
            Operation::Lt => usize::from(signed_left < signed_right),
            _ => return None,
        })
    }
}

/// Up to 16 bytes of code from `address` on, if they can be read.
fn code_at(address: usize) -> Option<[u8; 16]> {
    if !is_readable(address) || !is_readable(address + 8) {
        return None;
    }
    // SAFETY: both halves are readable; nothing unmaps code that the thread is in the middle of.
    Some(unsafe { core::ptr::read_unaligned(address as *const [u8; 16]) })
}

/// Whether the code at `address` returns from a signal's handler: `mov rax, 15; syscall`.
fn is_signal_return(address: usize) -> bool {
    const RETURN: [u8; 9] = [0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05];
    code_at(address).is_some_and(|code| code.starts_with(&RETURN))
}

/// Whether a call stands before `address`: `call rel32`, or `call` of a register or memory operand
/// in one of its lengths.
fn is_after_call(address: usize) -> bool {
    const CALL_GROUP: u8 = 2;
    let Some(code) = address.checked_sub(16).and_then(code_at) else { return false };
    let is_indirect =
        |length: usize| code[16 - length] == 0xff && code[17 - length] >> 3 & 7 == CALL_GROUP;
    code[11] == 0xe8 || (2..=7).any(is_indirect)
}
