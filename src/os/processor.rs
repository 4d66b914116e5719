//! All that depends on the processor: x86-64 as Linux uses it.
//!
//! System calls are made directly, not through libc's wrappers, because those write `errno`, which
//! neither `free` nor a `malloc` that succeeds may change.

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!("Cairn runs on x86-64 Linux; another processor needs its own version of this file");

use core::arch::{asm, global_asm};

/// Makes the system call `number`; returns what the kernel returns, a negative error included.
///
/// # Safety
/// The call and its arguments must be sound: memory that it writes must be the caller's.
#[inline]
pub unsafe fn system_call(number: i64, arguments: [usize; 6]) -> isize {
    let result;
    // SAFETY: the kernel preserves all registers but rax, rcx and r11; the caller vouches for the
    // effects of the call itself.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            in("r9") arguments[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// The stack pointer, near enough to tell which mapping the stack is.
pub fn stack_pointer() -> usize {
    let pointer;
    // SAFETY: copies a register.
    unsafe { asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

/// Fetches the cache line at `address`, which may be any.
#[inline(always)]
pub fn prefetch(address: usize) {
    use core::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
    // SAFETY: a hint, without effect on what the program sees.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address as *const i8) };
}

/// The processor's time-stamp counter.
#[inline(always)]
pub fn time_stamp() -> u64 {
    // SAFETY: reads a counter; every x86-64 has it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

global_asm!(".weak __libc_single_threaded");

/// glibc's byte that says whether the process has one thread; null where it has none.
#[inline(always)]
pub fn single_threaded_flag() -> *const u8 {
    let flag;
    // SAFETY: loads a word of the global offset table.
    unsafe {
        asm!(
            "mov {}, qword ptr [rip + __libc_single_threaded@GOTPCREL]",
            out(reg) flag,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    flag
}

/// The kinds of relocation that fill in the address of an imported function: in the global offset
/// table, and where the procedure linkage table jumps to.
pub const IMPORTS: [u32; 2] = [6, 7];

/// How many words the kernel tells of a stopped thread's general registers (`user_regs_struct`).
pub const REGISTER_WORDS: usize = 27;
/// Which of them is the stack pointer.
pub const STACK_POINTER_WORD: usize = 19;
/// Which of them is the thread pointer, the base of `fs`.
pub const THREAD_POINTER_WORD: usize = 21;
/// How far below its stack pointer a function may keep values (x86-64 psABI, "red zone").
pub const RED_ZONE_BYTES: usize = 128;

/// What a function may find in registers when it is called, and has to keep: the program's values
/// in them may be the only pointers to a block.
#[derive(Clone, Copy)]
pub struct Caller {
    /// The stack from here on belongs to the callers.
    pub stack_pointer: usize,
    /// rbx, rbp, r12 to r15.
    pub registers: [usize; 6],
}

impl Caller {
    /// The registers in the function that this is inlined into. What that function has saved of
    /// them already lies above its stack pointer.
    #[inline(always)]
    pub fn here() -> Self {
        let mut registers = [0usize; 6];
        let stack_pointer;
        // SAFETY: copies registers into an array of six words.
        unsafe {
            asm!(
                "mov [{array}], rbx",
                "mov [{array} + 8], rbp",
                "mov [{array} + 16], r12",
                "mov [{array} + 24], r13",
                "mov [{array} + 32], r14",
                "mov [{array} + 40], r15",
                "mov {stack}, rsp",
                array = in(reg) &raw mut registers,
                stack = out(reg) stack_pointer,
                options(nostack, preserves_flags),
            );
        }
        Self { stack_pointer, registers }
    }
}

/// The thread pointer of this thread: the first word of its descriptor is its own address
/// (ELF handling for thread-local storage, variant II).
pub fn thread_pointer() -> usize {
    let pointer;
    // SAFETY: reads the first word of this thread's descriptor.
    unsafe {
        asm!(
            "mov {}, qword ptr fs:[0]",
            out(reg) pointer,
            options(readonly, nostack, preserves_flags),
        );
    }
    pointer
}

/// Starts a task with the system call `clone`: it runs `entry(argument)` on the stack that ends at
/// `stack_end`. Returns its number, or the kernel's error.
///
/// # Safety
/// `stack_end` must be a multiple of 16 and end a stack that belongs to the task until it ends.
/// With `CLONE_VM` in `flags` the task runs beside this one in the same memory, and has this
/// thread's thread pointer: what it does must be sound under these conditions.
pub unsafe fn start_task(
    flags: usize,
    stack_end: usize,
    entry: unsafe extern "C" fn(usize) -> !,
    argument: usize,
) -> isize {
    let result;
    // SAFETY: the new task gets zero from the system call, has the same registers but for the
    // stack pointer, and never comes back here: `entry` doesn't return. The rest is the caller's
    // promise.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone as isize => result,
            in("rdi") flags,
            in("rsi") stack_end,
            in("rdx") 0usize,
            in("r10") 0usize,
            in("r8") 0usize,
            in("r12") entry,
            in("r13") argument,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// Whether valgrind runs the process: four rotations that together do nothing, and an exchange of a
/// register with itself, are a question to it (Valgrind manual, "The client request mechanism").
pub fn is_on_valgrind() -> bool {
    /// `VG_USERREQ__RUNNING_ON_VALGRIND` in valgrind.h.
    const RUNNING_ON_VALGRIND: usize = 0x1001;
    let request = [RUNNING_ON_VALGRIND, 0, 0, 0, 0, 0];
    let answer: usize;
    // SAFETY: changes no register but the answer's, and no memory.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            inlateout("rdx") 0usize => answer,
            in("rax") request.as_ptr(),
            options(nostack, readonly),
        );
    }
    answer != 0
}

/// Defines the thread's word with the address of `$initial`, a static, as its value at the start.
///
/// The word is one pointer of thread-local storage in the initial-exec model, so that reading it is
/// two loads and never a call of `__tls_get_addr`, which may allocate.
#[macro_export]
macro_rules! define_thread_word {
    ($initial:path) => {
        core::arch::global_asm!(
            ".pushsection .tdata.cairn_thread_word,\"awT\",@progbits",
            ".balign 8",
            ".globl cairn_thread_word",
            ".hidden cairn_thread_word",
            ".type cairn_thread_word,@object",
            "cairn_thread_word:",
            ".quad {initial}",
            ".size cairn_thread_word, 8",
            ".popsection",
            initial = sym $initial,
        );
    };
}

global_asm!(".hidden etext", ".hidden __ehdr_start");

/// The code that the library is a part of: its own, or that of the program that it is linked into.
pub fn code() -> core::ops::Range<usize> {
    let (start, end);
    // SAFETY: computes two addresses, which the linker defines.
    unsafe {
        asm!(
            "lea {0}, [rip + __ehdr_start]",
            "lea {1}, [rip + etext]",
            out(reg) start,
            out(reg) end,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    start..end
}

/// The thread's word.
#[inline(always)]
pub fn thread_word() -> usize {
    let word;
    // SAFETY: reads this thread's own eight bytes. Not `nomem`: `set_thread_word` changes them.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + cairn_thread_word@GOTTPOFF]",
            "mov {0}, qword ptr fs:[{0}]",
            out(reg) word,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    word
}

/// Sets the thread's word.
pub fn set_thread_word(word: usize) {
    // SAFETY: writes this thread's own eight bytes.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + cairn_thread_word@GOTTPOFF]",
            "mov qword ptr fs:[{0}], {1}",
            out(reg) _,
            in(reg) word,
            options(nostack, preserves_flags),
        );
    }
}

/// The body of a throwing `operator new` after its first try failed: try again, call the
/// new-handler, and throw `std::bad_alloc` when there is none.
///
/// It is written in assembly because a C++ exception has to pass through it, which it may not
/// through a frame of Rust that is compiled with `panic = "abort"`. The C++ runtime's functions
/// are weak: a program without one gets `$no_runtime` instead. `$try_again` takes the arguments
/// in rdi and rsi and returns null on failure.
#[macro_export]
macro_rules! new_or_throw_body {
    ($try_again:path, $no_runtime:path) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "push rbx",
            ".cfi_adjust_cfa_offset 8",
            ".cfi_rel_offset rbx, 0",
            "push r12",
            ".cfi_adjust_cfa_offset 8",
            ".cfi_rel_offset r12, 0",
            "sub rsp, 8",
            ".cfi_adjust_cfa_offset 8",
            "mov rbx, rdi",
            "mov r12, rsi",
            "2:",
            "mov rdi, rbx",
            "mov rsi, r12",
            "call {try_again}",
            "test rax, rax",
            "jnz 4f",
            ".weak _ZSt15get_new_handlerv",
            "mov rax, qword ptr [rip + _ZSt15get_new_handlerv@GOTPCREL]",
            "test rax, rax",
            "jz 3f",
            "call rax",
            "test rax, rax",
            "jz 3f",
            "call rax",
            "jmp 2b",
            "3:",
            ".weak _ZSt17__throw_bad_allocv",
            "mov rax, qword ptr [rip + _ZSt17__throw_bad_allocv@GOTPCREL]",
            "test rax, rax",
            "jz 5f",
            "call rax",
            "5:",
            "call {no_runtime}",
            "ud2",
            "4:",
            "add rsp, 8",
            ".cfi_adjust_cfa_offset -8",
            "pop r12",
            ".cfi_adjust_cfa_offset -8",
            ".cfi_restore r12",
            "pop rbx",
            ".cfi_adjust_cfa_offset -8",
            ".cfi_restore rbx",
            "ret",
            ".cfi_endproc",
            try_again = sym $try_again,
            no_runtime = sym $no_runtime,
        )
    };
}

/// The body of a nothrow `operator new` after its first try failed: calls `$throwing`, and returns
/// null if an exception comes out of it (the new-handler may throw). `$table` is a name for its
/// table that nothing else has.
///
/// The table at its end says, in the language of the C++ personality routine ("Exception handling
/// ABI for C++", level II), that any exception out of the one call lands at label 3.
#[macro_export]
macro_rules! new_or_null_body {
    ($throwing:path, $table:literal) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            ".cfi_personality 0x9b, DW.ref.cairn_gxx_personality",
            concat!(".cfi_lsda 0x1b, .L", $table),
            "59:",
            "push rbx",
            ".cfi_adjust_cfa_offset 8",
            "60:",
            "call {throwing}",
            "61:",
            "pop rbx",
            ".cfi_remember_state",
            ".cfi_adjust_cfa_offset -8",
            "ret",
            ".cfi_restore_state",
            "63:",
            "mov rdi, rax",
            ".weak __cxa_begin_catch",
            ".weak __cxa_end_catch",
            "call qword ptr [rip + __cxa_begin_catch@GOTPCREL]",
            "call qword ptr [rip + __cxa_end_catch@GOTPCREL]",
            "xor eax, eax",
            "pop rbx",
            ".cfi_adjust_cfa_offset -8",
            "ret",
            "64:",
            ".cfi_endproc",
            ".pushsection .gcc_except_table,\"a\",@progbits",
            ".balign 4",
            concat!(".L", $table, ":"),
            ".byte 0xff",              // landing pads are relative to the function's start
            ".byte 0x9b",              // types: indirect, relative, four bytes
            ".uleb128 76f - 71f",
            "71:",
            ".byte 0x01",              // call sites in uleb128
            ".uleb128 73f - 72f",
            "72:",
            ".uleb128 60b - 59b",      // the call ...
            ".uleb128 61b - 60b",
            ".uleb128 63b - 59b",      // ... lands here
            ".uleb128 1",              // for the first action:
            "73:",
            ".byte 1, 0",              // the first type, and no further action
            ".balign 4",
            ".long 0",                 // the null type catches everything
            "76:",
            ".popsection",
            throwing = sym $throwing,
        )
    };
}

/// Defines the word through which the table of [`new_or_null_body!`] finds the C++ personality
/// routine; it is null in a program without a C++ runtime, where nothing can throw.
#[macro_export]
macro_rules! define_personality_word {
    () => {
        core::arch::global_asm!(
            ".weak __gxx_personality_v0",
            ".pushsection .data.rel.ro.cairn_gxx_personality,\"aw\",@progbits",
            ".balign 8",
            ".globl DW.ref.cairn_gxx_personality",
            ".hidden DW.ref.cairn_gxx_personality",
            "DW.ref.cairn_gxx_personality:",
            ".quad __gxx_personality_v0",
            ".popsection",
        );
    };
}
