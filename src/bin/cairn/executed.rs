//! What an instruction did that has been executed: it accessed bytes beside a block that the
//! processor watched. Which bytes of them, and how many, the record doesn't know.
//!
//! The instruction ends where the registers point, so every length is tried. One that reads
//! overwrites its registers, and often the one that it read through; but it leaves what it read,
//! and the watched bytes are all different.

use crate::instruction;
use crate::record::{Access, ErrorRecord};
use iced_x86::{Decoder, DecoderOptions, Instruction, InstructionInfoFactory, OpKind, UsedMemory};

/// An instruction that may have been the one.
struct Candidate {
    start: u64,
    address: u64,
    size: u64,
}

/// Fills in what the executed instruction says, if the error is one about watched bytes.
pub fn resolve(error: &mut ErrorRecord) {
    let (true, Some(pointer)) = (error.watched.is_some(), error.instruction()) else { return };
    let lengths = (1..=error.executed.len()).rev();
    let found = lengths.filter_map(|length| candidate(error, pointer, length)).next();
    let Some(Candidate { start, address, size }) = found else {
        // Somewhere within the instruction is good enough for its line.
        set_instruction(error, pointer - 1);
        return;
    };
    let direction = error.access.map(|access| access.direction);
    error.access = direction.map(|direction| Access { direction, address, size });
    error.place = None;
    set_instruction(error, start);
}

fn set_instruction(error: &mut ErrorRecord, pointer: u64) {
    for (name, value) in &mut error.registers {
        if name == "rip" {
            *value = pointer;
        }
    }
}

/// The instruction of `length` bytes that ends at `pointer`, if it may have accessed the watched
/// bytes.
fn candidate(error: &ErrorRecord, pointer: u64, length: usize) -> Option<Candidate> {
    let start = pointer - length as u64;
    let code = &error.executed[error.executed.len() - length..];
    let instruction = Decoder::with_ip(64, code, start, DecoderOptions::NONE).decode();
    if instruction.is_invalid() || instruction.len() != length {
        return None;
    }
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(&instruction);
    info.used_memory().iter().find_map(|operand| {
        let size = instruction::operand_bytes(&instruction, operand);
        let address = match is_overwritten(&instruction, operand) {
            true => where_read(error, &instruction, size)?,
            false => instruction::operand_address(error, operand)?,
        };
        touches(error, address, size).then_some(Candidate { start, address, size })
    })
}

/// Whether the instruction changed a register that the operand's address is made of.
fn is_overwritten(instruction: &Instruction, operand: &UsedMemory) -> bool {
    let into = instruction.op0_register().full_register();
    instruction.op0_kind() == OpKind::Register
        && [operand.base(), operand.index()].iter().any(|part| part.full_register() == into)
}

fn touches(error: &ErrorRecord, address: u64, size: u64) -> bool {
    error.watched.as_ref().is_some_and(|watched| {
        let end = watched.address + watched.bytes.len() as u64;
        address < end && watched.address < address.saturating_add(size)
    })
}

/// Where a value was read from that is in a register now.
fn where_read(error: &ErrorRecord, instruction: &Instruction, size: u64) -> Option<u64> {
    let watched = error.watched.as_ref()?;
    let size = usize::try_from(size).ok().filter(|size| (1..=8).contains(size))?;
    let value = instruction::register(error, instruction.op0_register())?.to_le_bytes();
    let offset = watched.bytes.windows(size).position(|bytes| *bytes == value[..size])?;
    Some(watched.address + offset as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Direction, Kind, Watched};

    const BYTES: [u8; 8] = [0xB6, 0xD1, 0x9C, 0xE3, 0xA7, 0xF5, 0x8B, 0xC9];

    /// A block at 0x5008, whose eight bytes before it were accessed by the end of `code`.
    fn resolved(code: &[u8], registers: &[(&str, u64)]) -> ErrorRecord {
        let mut error = ErrorRecord::new(Kind::InvalidRead, 1);
        error.access = Some(Access { direction: Direction::Read, address: 0x5000, size: 0 });
        error.watched = Some(Watched { address: 0x5000, bytes: BYTES.to_vec() });
        error.executed = code.to_vec();
        error.registers =
            registers.iter().map(|(name, value)| (name.to_string(), *value)).collect();
        error.registers.push(("rip".to_string(), 0x1010));
        resolve(&mut error);
        error
    }

    fn access(code: &[u8], registers: &[(&str, u64)]) -> (u64, u64, u64) {
        let error = resolved(code, registers);
        let access = error.access.unwrap();
        (access.address, access.size, 0x1010 - error.instruction().unwrap())
    }

    #[test]
    fn the_operand_says_where_if_its_registers_stand() {
        // nop; mov -4(%rax), %edx
        assert_eq!(access(&[0x90, 0x8b, 0x50, 0xfc], &[("rax", 0x5008)]), (0x5004, 4, 3));
        // vmovdqu (%rsi), %ymm0, from before the watched bytes on
        assert_eq!(access(&[0xc5, 0xfe, 0x6f, 0x06], &[("rsi", 0x4ff8)]), (0x4ff8, 32, 4));
        // movb $1, -1(%rax)
        assert_eq!(access(&[0xc6, 0x40, 0xff, 1], &[("rax", 0x5008)]), (0x5007, 1, 4));
    }

    #[test]
    fn what_was_read_says_where_if_they_do_not() {
        // mov -4(%rax), %eax
        assert_eq!(access(&[0x8b, 0x40, 0xfc], &[("rax", 0xC98BF5A7)]), (0x5004, 4, 3));
        // movzbl (%rax), %eax
        assert_eq!(access(&[0x0f, 0xb6, 0x00], &[("rax", 0xC9)]), (0x5007, 1, 3));
        // movswl (%rax), %eax
        assert_eq!(access(&[0x0f, 0xbf, 0x00], &[("rax", 0xFFFF_F5A7)]), (0x5004, 2, 3));
        // mov (%rax), %rax: the instruction without its prefix would fit as well
        let word = u64::from_le_bytes(BYTES);
        assert_eq!(access(&[0x48, 0x8b, 0x00], &[("rax", word)]), (0x5000, 8, 3));
    }

    #[test]
    fn what_does_not_fit_stays_as_it_was() {
        let error = resolved(&[0x8b, 0x50, 0xfc], &[("rax", 0x9000)]);
        assert_eq!(error.access.unwrap().size, 0);
        assert_eq!(error.instruction(), Some(0x100f));
    }
}
