//! Where the memory operand of an instruction lies, for instructions that demand one of 16 bytes at
//! a multiple of 16: the SSE instructions, `cmpxchg16b`, and AVX moves of 16 bytes.
//!
//! Only as much is decoded as this takes: prefixes, the map of opcodes, ModRM, SIB and the
//! displacement (Intel's Software Developer's Manual, volume 2, chapter 2). Wider moves are left
//! out: no correct program expects of `malloc` what they demand.

use super::unwind::Registers;

/// What an instruction may be long.
pub const CODE_BYTES: usize = 15;
/// What is moved at once.
pub const OPERAND_BYTES: usize = 16;

/// The memory operand of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operand {
    /// Where it lies.
    pub address: usize,
    /// The register, by the number that instructions have for it, that moves the operand by as much
    /// as itself is changed; the instruction doesn't use it otherwise.
    pub register: usize,
    /// Whether the operand is written.
    pub is_write: bool,
    /// Whether it is read and written as a whole, `cmpxchg16b`.
    pub is_exchange: bool,
}

/// Registers by the numbers that instructions have for them.
const SP: usize = 4;
const BP: usize = 5;
/// DWARF's numbers of the first eight of them; those of the others are the same.
const DWARF_NUMBERS: [usize; 8] = [0, 2, 1, 3, 7, 6, 4, 5];

const EXTENDED_MAP: u8 = 0x0F;
/// The instructions of the extended map that write 16 bytes at a multiple of 16: movaps and movapd,
/// movntps and movntpd, movdqa, movntdq.
const STORES: [u8; 4] = [0x29, 0x2B, 0x7F, 0xE7];
/// cmpxchg16b, and fxsave with its like, whose operand is longer.
const EXCHANGE: u8 = 0xC7;
const SAVES: u8 = 0xAE;

/// What comes before an instruction's ModRM byte.
struct Head {
    /// The index of the ModRM byte.
    length: usize,
    opcode: u8,
    is_extended_map: bool,
    /// Whether the instruction has these bits set in front of SIB's index and of the base.
    index_high: bool,
    base_high: bool,
    has_wide_operand: bool,
    /// What a displacement of one byte is multiplied by.
    displacement_unit: isize,
}

/// The memory operand of the instruction at the start of `code`, if it is one of those that this
/// file is about, and lies where one register alone can move it.
pub fn operand_of(code: &[u8], registers: &Registers) -> Option<Operand> {
    let head = head(code)?;
    if head.is_extended_map && head.opcode == SAVES {
        return None;
    }
    let is_exchange = head.is_extended_map && head.opcode == EXCHANGE;
    if is_exchange && !(head.has_wide_operand && (code.get(head.length)? >> 3) & 7 == 1) {
        return None;
    }
    let (address, register) = effective_address(&head, code.get(head.length..)?, registers)?;
    // cmpxchg16b uses the first four, and a signal's frame may lie at the stack pointer.
    if register == SP || is_exchange && register < 4 {
        return None;
    }
    let is_write = is_exchange || head.is_extended_map && STORES.contains(&head.opcode);
    Some(Operand { address, register, is_write, is_exchange })
}

fn head(code: &[u8]) -> Option<Head> {
    let mut at = 0;
    // Operand size, repetition, lock, and segments that mean nothing in 64-bit mode.
    while matches!(code.get(at)?, 0x66 | 0xF2 | 0xF3 | 0xF0 | 0x2E | 0x36 | 0x3E | 0x26) {
        at += 1;
    }
    match *code.get(at)? {
        0xC4 | 0xC5 if at == 0 => vex_head(code),
        0x62 if at == 0 => evex_head(code),
        _ => legacy_head(code, at),
    }
}

fn legacy_head(code: &[u8], mut at: usize) -> Option<Head> {
    let mut extension = 0;
    if code.get(at)? & 0xF0 == 0x40 {
        extension = code[at];
        at += 1;
    }
    if *code.get(at)? != EXTENDED_MAP {
        return None;
    }
    at += 1;
    let is_extended_map = !matches!(code.get(at)?, 0x38 | 0x3A);
    if !is_extended_map {
        at += 1;
    }
    Some(Head {
        length: at + 1,
        opcode: *code.get(at)?,
        is_extended_map,
        index_high: extension & 2 != 0,
        base_high: extension & 1 != 0,
        has_wide_operand: extension & 8 != 0,
        displacement_unit: 1,
    })
}

fn vex_head(code: &[u8]) -> Option<Head> {
    const IS_WIDE: u8 = 1 << 2;
    let (length, extension, map, last) = match *code.first()? {
        0xC5 => (3, 0xE0, 1, *code.get(1)?),
        _ => (4, *code.get(1)?, code.get(1)? & 0x1F, *code.get(2)?),
    };
    (last & IS_WIDE == 0).then_some(Head {
        length,
        opcode: *code.get(length - 1)?,
        is_extended_map: map == 1,
        index_high: extension & 0x40 == 0,
        base_high: extension & 0x20 == 0,
        has_wide_operand: false,
        displacement_unit: 1,
    })
}

fn evex_head(code: &[u8]) -> Option<Head> {
    /// Both bits of the vector's length, and the one for a broadcast.
    const LENGTH_OR_BROADCAST: u8 = 7 << 4;
    let (extension, last) = (*code.get(1)?, *code.get(3)?);
    (last & LENGTH_OR_BROADCAST == 0).then_some(Head {
        length: 5,
        opcode: *code.get(4)?,
        is_extended_map: extension & 7 == 1,
        index_high: extension & 0x40 == 0,
        base_high: extension & 0x20 == 0,
        has_wide_operand: false,
        displacement_unit: OPERAND_BYTES as isize,
    })
}

/// The address that ModRM and what follows it give, and the register that can move it.
fn effective_address(head: &Head, rest: &[u8], registers: &Registers) -> Option<(usize, usize)> {
    let modrm = *rest.first()?;
    let (mode, low) = (modrm >> 6, (modrm & 7) as usize);
    let mut at = 1;
    let mut base = Some(low + 8 * usize::from(head.base_high));
    let mut index = None;
    if low == SP {
        let sib = *rest.get(1)?;
        at = 2;
        let register = ((sib >> 3) & 7) as usize + 8 * usize::from(head.index_high);
        index = (register != SP).then_some((register, 1usize << (sib >> 6)));
        base = Some((sib & 7) as usize + 8 * usize::from(head.base_high));
        if mode == 0 && sib & 7 == BP as u8 {
            base = None;
        }
    } else if mode == 0 && low == BP {
        // Relative to the instruction.
        return None;
    }
    let displacement = match mode {
        0 if base.is_some() => 0,
        1 => *rest.get(at)? as i8 as isize * head.displacement_unit,
        0 | 2 => i32::from_le_bytes(rest.get(at..at + 4)?.try_into().ok()?) as isize,
        _ => return None,
    };
    let scaled = index.map_or(0, |(number, scale)| general(registers, number).wrapping_mul(scale));
    let sum = base.map_or(0, |number| general(registers, number)).wrapping_add(scaled);
    let mover = match (base, index) {
        (Some(base), Some((index, _))) if base == index => return None,
        (Some(base), _) => base,
        (None, Some((index, 1))) => index,
        _ => return None,
    };
    Some((sum.wrapping_add_signed(displacement), mover))
}

fn general(registers: &Registers, number: usize) -> usize {
    registers.general[DWARF_NUMBERS.get(number).copied().unwrap_or(number)]
}

#[cfg(test)]
#[path = "operand_tests.rs"]
mod tests;
