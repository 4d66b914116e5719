//! The decoder on instructions as the assembler writes them.

use super::*;

/// rax to r15, in the order of instructions' numbers, are 0x1000, 0x2000, ...
fn registers() -> Registers {
    let mut general = [0; 16];
    for number in 0..16 {
        general[DWARF_NUMBERS.get(number).copied().unwrap_or(number)] = 0x1000 * (number + 1);
    }
    Registers { pc: 0, general }
}

/// Assembles instructions with their names and what is expected of them: the operand's address,
/// the register that moves it, and whether it is written and exchanged.
macro_rules! table {
    ($($text:literal => $expected:expr;)*) => {
        core::arch::global_asm!(
            ".pushsection .rodata.operand_tests,\"a\",@progbits",
            "cairn_operand_tests:",
            $(concat!("71: ", $text), ".fill 16 - (. - 71b), 1, 0x90",)*
            ".popsection",
        );
        const EXPECTED: &[(&str, Option<(usize, usize, bool, bool)>)] = &[$(($text, $expected)),*];
    };
}

const READ: (bool, bool) = (false, false);
const WRITE: (bool, bool) = (true, false);
const EXCHANGED: (bool, bool) = (true, true);

const fn at(
    address: usize,
    register: usize,
    (write, exchange): (bool, bool),
) -> Option<(usize, usize, bool, bool)> {
    Some((address, register, write, exchange))
}

table! {
    "movaps xmm0, [rax]" => at(0x1000, 0, READ);
    "movaps [rax], xmm0" => at(0x1000, 0, WRITE);
    "movapd [rdi + 8], xmm9" => at(0x8008, 7, WRITE);
    "movdqa xmm15, [rsi - 8]" => at(0x6FF8, 6, READ);
    "movdqa [rbp], xmm1" => at(0x6000, 5, WRITE);
    "movdqa [r13], xmm1" => at(0xE000, 13, WRITE);
    "movdqa [r12], xmm1" => at(0xD000, 12, WRITE);
    "movntps [rbx + 0x1234], xmm1" => at(0x5234, 3, WRITE);
    "movntdq [r15 - 0x234], xmm1" => at(0xFDCC, 15, WRITE);
    "movntdqa xmm1, [rcx]" => at(0x2000, 1, READ);
    "paddd xmm2, [rdx + rcx*4 + 16]" => at(0xB010, 2, READ);
    "addps xmm2, [r8 + r12*8]" => at(0x71000, 8, READ);
    "mulpd xmm8, [rax + r9*2 - 0x80]" => at(0x14F80, 0, READ);
    "pshufd xmm1, [rax], 27" => at(0x1000, 0, READ);
    "pshufb xmm1, [r9 + 24]" => at(0xA018, 9, READ);
    "palignr xmm1, [rdi], 4" => at(0x8000, 7, READ);
    "addsubps xmm1, [rdi]" => at(0x8000, 7, READ);
    "haddpd xmm11, [r11]" => at(0xC000, 11, READ);
    "aesenc xmm3, [rax + 8]" => at(0x1008, 0, READ);
    "movaps xmm0, [rcx*1 + 0x100]" => at(0x2100, 1, READ);
    "movaps xmm0, ds:[rax]" => at(0x1000, 0, READ);
    "vmovaps xmm1, [rax]" => at(0x1000, 0, READ);
    "vmovaps xmm1, [r9 + rcx*2 + 4]" => at(0xE004, 9, READ);
    "vmovdqa [r8 + r10*8 - 4], xmm12" => at(0x60FFC, 8, WRITE);
    "vmovntdq [rdi], xmm1" => at(0x8000, 7, WRITE);
    "vmovntdqa xmm1, [rdi + 1]" => at(0x8001, 7, READ);
    "vmovdqa32 [rdi + 32]{{k1}}, xmm1" => at(0x8020, 7, WRITE);
    "vmovaps xmm20, [r14 + rdi*4 - 64]" => at(0x2EFC0, 14, READ);
    "vmovdqa64 xmm20, [rax + 0x1001]" => at(0x2001, 0, READ);
    "lock cmpxchg16b [rsi + 8]" => at(0x7008, 6, EXCHANGED);
    "cmpxchg16b [r8]" => at(0x9000, 8, EXCHANGED);
    "cmpxchg16b [rbx]" => None;
    "lock cmpxchg8b [rsi]" => None;
    "movaps xmm0, [rsp + 8]" => None;
    "movaps xmm0, [rip + 8]" => None;
    "movaps xmm0, fs:[rax]" => None;
    "movaps xmm0, [eax]" => None;
    "movaps xmm0, [rax + rax]" => None;
    "movaps xmm0, [rcx*8 + 0x100]" => None;
    "movaps xmm0, xmm1" => None;
    "vmovaps ymm0, [rax]" => None;
    "vmovdqa [r9 + 32], ymm0" => None;
    "vmovaps zmm0, [rax]" => None;
    "vmovdqa64 ymm20, [rax]" => None;
    "fxsave [rax]" => None;
    "mov rax, [rax]" => None;
    "hlt" => None;
}

extern "C" {
    #[link_name = "cairn_operand_tests"]
    static CODE: [[u8; 16]; EXPECTED.len()];
}

#[test]
fn operands_are_found() {
    // SAFETY: as many instructions as there are expectations, each in 16 bytes.
    let code = unsafe { &CODE };
    for (bytes, (text, expected)) in code.iter().zip(EXPECTED) {
        let found = operand_of(&bytes[..CODE_BYTES], &registers())
            .map(|found| (found.address, found.register, found.is_write, found.is_exchange));
        assert_eq!(found, *expected, "{text}");
    }
}

#[test]
fn cut_code_has_no_operand_or_the_same() {
    // SAFETY: as above.
    let code = unsafe { &CODE };
    for (bytes, (text, _)) in code.iter().zip(EXPECTED) {
        let whole = operand_of(bytes, &registers());
        for length in 0..bytes.len() {
            let cut = operand_of(&bytes[..length], &registers());
            assert!(cut.is_none() || cut == whole, "{text} cut to {length} bytes");
        }
    }
}
