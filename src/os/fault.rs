//! A fault: a signal that an instruction raised, and what can be read from the instruction.

use super::operand::{operand_of, Operand, CODE_BYTES, OPERAND_BYTES};
use super::unwind::Registers;
use super::{files, watchpoint};

/// A signal that was raised by an error, and the moment in which it was.
pub struct Fault {
    /// The signal's number.
    pub number: i32,
    /// Why it was sent: `si_code`.
    pub code: i32,
    /// The address that the signal is about: `si_addr`.
    pub address: usize,
    /// Whether it was a write, if the processor says.
    pub is_write: Option<bool>,
    /// Whether the processor found the address to be no address at all; then `address` is 0.
    pub is_no_address: bool,
    /// The registers.
    pub registers: Registers,
    /// Whether the instruction faulted although its operand was where it demands.
    pub was_stepped: bool,
}

impl Fault {
    /// The watched address, if the fault is that it was accessed: the instruction was executed.
    pub fn watched(&self) -> Option<usize> {
        let is_watched = self.number == libc::SIGTRAP && self.code == watchpoint::TRAP_PERF;
        is_watched.then_some(self.address)
    }

    /// The bytes of the instruction, as far as they can be read.
    pub fn code_bytes(&self, into: &mut [u8]) -> usize {
        files::read_memory(self.registers.pc, into)
    }

    /// The bytes of code that end where the registers point: the last instruction of them was
    /// executed. None if not all can be read.
    pub fn executed_bytes(&self, into: &mut [u8]) -> usize {
        let start = self.registers.pc.wrapping_sub(into.len());
        match files::read_memory(start, into) {
            length if length == into.len() => length,
            _ => 0,
        }
    }

    /// Whether the instruction that was executed reads 16 bytes at a multiple of 16, among them the
    /// one at `address`: none of them lies in another page than the others, so programs may do that
    /// if they are interested in some of them.
    pub fn is_aligned_load_of(&self, address: usize) -> bool {
        const PREFIXES_AND_OPCODE: usize = 3;
        let mut code = [0; CODE_BYTES];
        let length = self.executed_bytes(&mut code);
        let operands = (0..length.saturating_sub(PREFIXES_AND_OPCODE))
            .filter_map(|start| operand_of(&code[start..], &self.registers));
        operands.into_iter().any(|operand| {
            let is_aligned = operand.address.is_multiple_of(OPERAND_BYTES);
            is_aligned && !operand.is_write && address.wrapping_sub(operand.address) < OPERAND_BYTES
        })
    }

    /// The fault that there would have been, had the processor looked at the access first and at
    /// its alignment second.
    pub fn as_access(&self, address: usize, is_write: bool) -> Self {
        /// `SEGV_ACCERR`: the page doesn't allow it.
        const NOT_ALLOWED: i32 = 2;
        let (code, is_write) = (NOT_ALLOWED, Some(is_write));
        Self { code, address, is_write, is_no_address: false, ..*self }
    }

    /// The operand of an instruction that demands one at a multiple of 16, if the fault may be that
    /// it wasn't.
    pub fn operand(&self) -> Option<Operand> {
        if !self.is_no_address || self.was_stepped {
            return None;
        }
        let mut code = [0; CODE_BYTES];
        let length = self.code_bytes(&mut code);
        operand_of(&code[..length], &self.registers)
    }
}
