//! Reading memory that may not be there, and the registers of this moment: the part of unwinding
//! that is written in assembly.

use crate::os::processor::system_call;
use core::arch::{asm, global_asm};
use core::ffi::c_void;

// `cairn_read_word` and `cairn_read_digest` may fault only between the labels `cairn_reads` and
// `cairn_reads_end`, where they have changed neither the stack nor a register that a caller keeps,
// so going on at `cairn_read_failed` returns from either: see `recover`.
global_asm!(
    ".pushsection .text.cairn_reads,\"ax\",@progbits",
    ".hidden cairn_reads, cairn_reads_end, cairn_read_failed, cairn_read_word, cairn_read_digest",
    ".globl cairn_reads, cairn_reads_end, cairn_read_failed, cairn_read_word, cairn_read_digest",
    "cairn_reads:",
    ".balign 16",
    ".type cairn_read_word,@function",
    "cairn_read_word:",
    ".cfi_startproc",
    "mov rax, qword ptr [rdi]",
    "mov edx, 1",
    "ret",
    ".cfi_endproc",
    ".size cairn_read_word, . - cairn_read_word",
    ".balign 16",
    ".type cairn_read_digest,@function",
    "cairn_read_digest:",
    ".cfi_startproc",
    "mov rax, r8",
    "test dl, 1",
    "jz 2f",
    "movzx r8d, word ptr [rsi + 2 * rdx - 2]",
    "mov r8, qword ptr [rdi + 8 * r8]",
    "imul r8, qword ptr [rcx + 8 * rdx - 8]",
    "add rax, r8",
    "dec rdx",
    "jz 3f",
    "2:",
    "movzx r8d, word ptr [rsi + 2 * rdx - 2]",
    "movzx r9d, word ptr [rsi + 2 * rdx - 4]",
    "mov r8, qword ptr [rdi + 8 * r8]",
    "mov r9, qword ptr [rdi + 8 * r9]",
    "imul r8, qword ptr [rcx + 8 * rdx - 8]",
    "imul r9, qword ptr [rcx + 8 * rdx - 16]",
    "add rax, r8",
    "add rax, r9",
    "sub rdx, 2",
    "jnz 2b",
    "3:",
    "mov edx, 1",
    "ret",
    ".cfi_endproc",
    ".size cairn_read_digest, . - cairn_read_digest",
    "cairn_reads_end:",
    ".balign 16",
    ".type cairn_read_failed,@function",
    "cairn_read_failed:",
    ".cfi_startproc",
    "xor eax, eax",
    "xor edx, edx",
    "ret",
    ".cfi_endproc",
    ".size cairn_read_failed, . - cairn_read_failed",
    ".popsection",
    ".weak _dl_find_object",
);

#[repr(C)]
struct Answer {
    value: usize,
    is_valid: usize,
}

unsafe extern "C" {
    static cairn_reads: u8;
    static cairn_reads_end: u8;
    static cairn_read_failed: u8;
    fn cairn_read_word(address: usize) -> Answer;
    fn cairn_read_digest(
        base: usize,
        offsets: *const u16,
        count: usize,
        factors: *const u64,
        seed: u64,
    ) -> Answer;
}

/// The word at `address`.
///
/// # Safety
/// It must be readable, or the process's handler of SIGSEGV must call [`recover`].
#[inline(always)]
pub(super) unsafe fn read_word(address: usize) -> Option<usize> {
    // SAFETY: the caller's promise.
    let answer = unsafe { cairn_read_word(address) };
    (answer.is_valid != 0).then_some(answer.value)
}

/// The most words that [`read_digest`] takes.
pub const MAX_DIGEST_WORDS: usize = 33;

static FACTORS: [u64; MAX_DIGEST_WORDS] = odd_numbers();

/// Odd numbers without a pattern (Steele and others, "Fast splittable pseudorandom number
/// generators": SplitMix).
const fn odd_numbers() -> [u64; MAX_DIGEST_WORDS] {
    let mut numbers = [0; MAX_DIGEST_WORDS];
    let (mut state, mut index) = (0u64, 0);
    while index < MAX_DIGEST_WORDS {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        numbers[index] = mixed ^ mixed >> 31 | 1;
        index += 1;
    }
    numbers
}

/// A number that stands for the words at `base + 8 * offset`, and for `seed`: the sum of their
/// products with fixed factors.
///
/// # Safety
/// As [`read_word`], for each of the words.
#[inline(always)]
pub(super) unsafe fn read_digest(base: usize, offsets: &[u16], seed: u64) -> Option<u64> {
    let count = offsets.len();
    if count == 0 || count > MAX_DIGEST_WORDS {
        return None;
    }
    // SAFETY: the caller's promise; there are at least `count` factors.
    let answer =
        unsafe { cairn_read_digest(base, offsets.as_ptr(), count, FACTORS.as_ptr(), seed) };
    (answer.is_valid != 0).then_some(answer.value as u64)
}

/// To be called by the process's handler of SIGSEGV and SIGBUS with its third argument. When the
/// fault was in a read of a stack that has vanished meanwhile, sees to it that the thread goes on
/// as if told so, and returns true: then the handler has nothing left to do.
///
/// # Safety
/// `context` must be what the kernel gave to the handler.
pub unsafe fn recover(context: *mut c_void) -> bool {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the caller's promise.
    let program_counter = unsafe { &mut (*context).uc_mcontext.gregs[libc::REG_RIP as usize] };
    let reads = &raw const cairn_reads as i64..&raw const cairn_reads_end as i64;
    let is_ours = reads.contains(program_counter);
    if is_ours {
        *program_counter = &raw const cairn_read_failed as i64;
    }
    is_ours
}

/// Whether the eight bytes at `address` can be read. The kernel reads a signal set there before it
/// looks at what is asked of it, which is nothing that it knows.
pub fn is_readable(address: usize) -> bool {
    const NOTHING: usize = usize::MAX;
    // SAFETY: the kernel only reads, and changes nothing because the request is invalid.
    let result = unsafe { system_call(libc::SYS_rt_sigprocmask, [NOTHING, address, 0, 8, 0, 0]) };
    result == -(libc::EINVAL as isize)
}

/// The address of glibc's `_dl_find_object`, or 0 in a glibc before 2.35.
pub fn find_object_address() -> usize {
    let address;
    // SAFETY: loads a word of the global offset table.
    unsafe {
        asm!(
            "mov {}, qword ptr [rip + _dl_find_object@GOTPCREL]",
            out(reg) address,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    address
}

/// The registers of a moment in a thread, by the numbers that DWARF gives them.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    /// The instruction's address.
    pub pc: usize,
    /// rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 to r15.
    pub general: [usize; 16],
}

impl Registers {
    /// DWARF's number of rbx.
    pub const BX: usize = 3;
    /// DWARF's number of rbp.
    pub const BP: usize = 6;
    /// DWARF's number of rsp.
    pub const SP: usize = 7;

    /// The stack pointer.
    pub fn sp(&self) -> usize {
        self.general[Self::SP]
    }

    /// Those by which the stack is known again.
    pub fn key(&self) -> Key {
        Key { pc: self.pc, sp: self.sp(), bp: self.bp() }
    }

    /// rbp, which may or may not be a frame pointer.
    pub fn bp(&self) -> usize {
        self.general[Self::BP]
    }

    /// The registers that a signal interrupted, in the third argument of its handler.
    ///
    /// # Safety
    /// `context` must be what the kernel gave to the handler.
    pub unsafe fn from_context(context: *const c_void) -> Self {
        // SAFETY: the caller's promise.
        let saved = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
        let get = |index: i32| saved[index as usize] as usize;
        Self::from_saved(get)
    }

    /// The registers as the kernel's numbers for them give them.
    pub(super) fn from_saved(get: impl Fn(i32) -> usize) -> Self {
        use libc::{
            REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_R8, REG_R9, REG_RAX, REG_RBP,
            REG_RBX, REG_RCX, REG_RDI, REG_RDX, REG_RIP, REG_RSI, REG_RSP,
        };
        let order = [
            REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8, REG_R9,
            REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
        ];
        Self { pc: get(REG_RIP), general: order.map(get) }
    }
}

/// The registers by which a stack that was walked before is known again.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The instruction's address.
    pub pc: usize,
    /// The stack pointer.
    pub sp: usize,
    /// rbp.
    pub bp: usize,
}

impl Key {
    /// Those of this moment.
    #[inline(always)]
    pub fn here() -> Self {
        let (pc, sp, bp);
        // SAFETY: copies registers.
        unsafe {
            asm!(
                "lea {pc}, [rip]",
                "mov {sp}, rsp",
                "mov {bp}, rbp",
                pc = out(reg) pc,
                sp = out(reg) sp,
                bp = out(reg) bp,
                options(nomem, nostack, preserves_flags),
            );
        }
        Self { pc, sp, bp }
    }
}

/// The registers of this moment. Those that a call may change read as zero: no description of a
/// Rust function's frame speaks of them.
#[inline(always)]
pub fn here() -> Registers {
    let (pc, sp, bp, bx, r12, r13, r14, r15);
    // SAFETY: copies registers. Where the compiler lets one of these be overwritten by another, the
    // function has saved it before, and its description says where.
    unsafe {
        asm!(
            "lea {pc}, [rip]",
            "mov {sp}, rsp",
            "mov {bp}, rbp",
            "mov {bx}, rbx",
            "mov {r12}, r12",
            "mov {r13}, r13",
            "mov {r14}, r14",
            "mov {r15}, r15",
            pc = out(reg) pc,
            sp = out(reg) sp,
            bp = out(reg) bp,
            bx = out(reg) bx,
            r12 = out(reg) r12,
            r13 = out(reg) r13,
            r14 = out(reg) r14,
            r15 = out(reg) r15,
            options(nomem, nostack, preserves_flags),
        );
    }
    let general = [0, 0, 0, bx, 0, 0, bp, sp, 0, 0, 0, 0, r12, r13, r14, r15];
    Registers { pc, general }
}
