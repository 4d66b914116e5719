//! What the instruction at a fault was about to do: whether it read or wrote, where, and how much.

use crate::record::{Access, Direction, ErrorRecord, SI_KERNEL};
use iced_x86::{
    Decoder, DecoderOptions, Instruction, InstructionInfoFactory, OpAccess, Register, UsedMemory,
};

/// The access of an error, with what its record leaves open filled in from the instruction.
pub fn access(error: &ErrorRecord) -> Option<Access> {
    let recorded = error.access.or_else(|| by_signal(error))?;
    if recorded.size != 0 && recorded.direction != Direction::Unknown {
        return Some(recorded);
    }
    let Some(decoded) = decode(error, &recorded) else { return Some(recorded) };
    Some(Access {
        // The processor's own word on read or write is better than the instruction's, which may
        // do both.
        direction: match recorded.direction {
            Direction::Unknown => decoded.direction,
            known => known,
        },
        address: if is_impossible(decoded.address) { decoded.address } else { recorded.address },
        size: if recorded.size != 0 { recorded.size } else { decoded.size },
    })
}

/// A fault that the record has no access for: the signal names the address.
fn by_signal(error: &ErrorRecord) -> Option<Access> {
    let signal = error.signal?;
    Some(Access { direction: Direction::Unknown, address: signal.address, size: 0 })
}

/// Whether memory can't have this address, so that the processor didn't tell it.
fn is_impossible(address: u64) -> bool {
    !matches!(address >> 47, 0 | 0x1_ffff)
}

/// The operand of the instruction that touches the address.
fn decode(error: &ErrorRecord, recorded: &Access) -> Option<Access> {
    if error.code.is_empty() {
        return None;
    }
    let pointer = error.instruction()?;
    let instruction = Decoder::with_ip(64, &error.code, pointer, DecoderOptions::NONE).decode();
    if instruction.is_invalid() {
        return None;
    }
    let mut factory = InstructionInfoFactory::new();
    let operands = factory.info(&instruction).used_memory();
    let matching = operands.iter().filter(|operand| fits(operand, recorded.direction));
    let candidates: Vec<Access> =
        matching.filter_map(|operand| operand_access(error, &instruction, operand)).collect();
    if error.signal.is_some_and(|signal| signal.code == SI_KERNEL) {
        return candidates.into_iter().find(|candidate| is_impossible(candidate.address));
    }
    nearest(&candidates, recorded.address)
}

/// Whether the operand is accessed in this direction.
fn fits(operand: &UsedMemory, direction: Direction) -> bool {
    let reads = matches!(
        operand.access(),
        OpAccess::Read | OpAccess::CondRead | OpAccess::ReadWrite | OpAccess::ReadCondWrite
    );
    let writes = matches!(
        operand.access(),
        OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
    );
    match direction {
        Direction::Read => reads,
        Direction::Write => writes,
        Direction::Unknown => reads || writes,
    }
}

fn operand_access(
    error: &ErrorRecord,
    instruction: &Instruction,
    operand: &UsedMemory,
) -> Option<Access> {
    let size = operand_bytes(instruction, operand);
    let address = operand_address(error, operand);
    let direction =
        if fits(operand, Direction::Write) { Direction::Write } else { Direction::Read };
    // Without its registers the only operand is still the right one.
    Some(Access { direction, address: address.unwrap_or(u64::MAX), size }).filter(|_| size != 0)
}

/// How long an operand is.
pub fn operand_bytes(instruction: &Instruction, operand: &UsedMemory) -> u64 {
    match operand.memory_size().size() as u64 {
        0 => instruction.memory_size().size() as u64,
        size => size,
    }
}

/// Where an operand lies, as far as its registers are recorded.
pub fn operand_address(error: &ErrorRecord, operand: &UsedMemory) -> Option<u64> {
    operand.virtual_address(0, |base, _, _| match base {
        // The segments' bases are zero in 64-bit code; fs and gs are thread-local storage, where
        // no block lies.
        Register::CS | Register::DS | Register::ES | Register::SS => Some(0),
        base => register(error, base),
    })
}

/// The one that starts nearest to the address that faulted: with two operands, the other is
/// innocent.
fn nearest(candidates: &[Access], address: u64) -> Option<Access> {
    candidates.iter().min_by_key(|candidate| candidate.address.abs_diff(address)).copied()
}

/// The value of a register as the record has it: parts of a register are cut from the whole.
pub fn register(error: &ErrorRecord, wanted: Register) -> Option<u64> {
    let whole = wanted.full_register();
    let name = format!("{whole:?}").to_ascii_lowercase();
    let (_, value) = error.registers.iter().find(|(known, _)| *known == name)?;
    Some(match wanted.size() {
        4 => value & 0xffff_ffff,
        2 => value & 0xffff,
        _ => *value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Kind, Signal};

    fn fault(direction: Direction, address: u64, code: &[u8]) -> ErrorRecord {
        let mut error = ErrorRecord::new(Kind::InvalidAccess, 1);
        error.access = Some(Access { direction, address, size: 0 });
        error.code = code.to_vec();
        error.at = vec![0x1001];
        error.registers = [("rax", 0x5000), ("rcx", 8), ("rdi", 0x6000), ("rsi", 0x7000)]
            .map(|(name, value)| (name.to_string(), value))
            .to_vec();
        error
    }

    fn decoded(direction: Direction, address: u64, code: &[u8]) -> (Direction, u64) {
        let access = access(&fault(direction, address, code)).unwrap();
        (access.direction, access.size)
    }

    #[test]
    fn sizes_come_from_the_instruction() {
        use Direction::{Read, Unknown, Write};
        // movl $42, (%rax)
        assert_eq!(decoded(Unknown, 0x5000, &[0xc7, 0, 42, 0, 0, 0]), (Write, 4));
        // mov (%rax,%rcx,8), %rdx
        assert_eq!(decoded(Unknown, 0x5040, &[0x48, 0x8b, 0x14, 0xc8]), (Read, 8));
        // movzbl (%rax), %eax
        assert_eq!(decoded(Read, 0x5000, &[0x0f, 0xb6, 0x00]), (Read, 1));
        // vmovdqu %ymm0, (%rdi)
        assert_eq!(decoded(Write, 0x6000, &[0xc5, 0xfe, 0x7f, 0x07]), (Write, 32));
        // vmovdqu64 (%rsi), %zmm0
        let code = [0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x06];
        assert_eq!(decoded(Unknown, 0x7000, &code), (Read, 64));
        // addl $1, (%rax): the processor said which half failed
        assert_eq!(decoded(Write, 0x5000, &[0x83, 0x00, 0x01]), (Write, 4));
        assert_eq!(decoded(Read, 0x5000, &[0x83, 0x00, 0x01]), (Read, 4));
    }

    #[test]
    fn of_two_operands_the_one_at_the_address_counts() {
        use Direction::{Read, Unknown, Write};
        // rep movsb: from rsi to rdi
        assert_eq!(decoded(Unknown, 0x6000, &[0xf3, 0xa4]), (Write, 1));
        assert_eq!(decoded(Unknown, 0x7000, &[0xf3, 0xa4]), (Read, 1));
        // rep stosq
        assert_eq!(decoded(Unknown, 0x6000, &[0xf3, 0x48, 0xab]), (Write, 8));
        // cmpsb
        assert_eq!(decoded(Unknown, 0x7000, &[0xa6]), (Read, 1));
    }

    #[test]
    fn what_cannot_be_decoded_stays_unknown() {
        assert_eq!(decoded(Direction::Unknown, 0x5000, &[0x06]), (Direction::Unknown, 0));
        assert_eq!(decoded(Direction::Write, 0x5000, &[]), (Direction::Write, 0));
        assert_eq!(decoded(Direction::Write, 0x5000, &[0xc7]), (Direction::Write, 0));
    }

    #[test]
    fn an_impossible_address_is_worked_out() {
        // mov (%rdi), %eax; the processor tells no address
        let mut error = fault(Direction::Unknown, 0, &[0x8b, 0x07]);
        error.access = None;
        error.registers = vec![("rdi".to_string(), 0xf7ee_0000_0000_0001)];
        error.signal = Some(Signal { number: libc::SIGSEGV, code: SI_KERNEL, address: 0 });
        let access = access(&error).unwrap();
        assert_eq!((access.direction, access.size), (Direction::Read, 4));
        assert_eq!(access.address, 0xf7ee_0000_0000_0001);
    }

    #[test]
    fn what_the_record_knows_stands() {
        let mut error = fault(Direction::Write, 0x5000, &[0x0f, 0xb6, 0x00]);
        error.access = Some(Access { direction: Direction::Write, address: 0x5000, size: 2 });
        assert_eq!(access(&error), error.access);
    }
}
