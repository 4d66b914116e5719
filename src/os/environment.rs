//! What the process was given at its start: environment, auxiliary vector.

use core::ffi::{c_char, CStr};

/// Whether the process runs with privileges that its user doesn't have (setuid): `AT_SECURE`.
pub fn is_secure() -> bool {
    // SAFETY: reads the auxiliary vector that the kernel gave the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Eight random bytes from the kernel that no system call is needed for: `AT_RANDOM`.
pub fn random_seed() -> u64 {
    // SAFETY: reads the auxiliary vector that the kernel gave the process.
    let address = unsafe { libc::getauxval(libc::AT_RANDOM) } as *const u64;
    if address.is_null() {
        return 0;
    }
    // SAFETY: AT_RANDOM points to 16 bytes. The second eight, because the C library derives its
    // stack and pointer guards from the first.
    unsafe { address.add(1).read_unaligned() }
}

extern "C" {
    /// The loader's: where the kernel put the number of arguments, which the arguments follow, a
    /// null, and the environment (System V ABI, AMD64 supplement, "Process initialization").
    #[link_name = "__libc_stack_end"]
    static STACK_END: *const usize;
}

/// The environment as it was when the process began, before any of the C library's own variables
/// is set; `None` where it isn't found.
pub fn at_start() -> Option<*const *const c_char> {
    /// More arguments than a kernel passes.
    const ARGUMENTS_MAX: usize = 1 << 24;
    // SAFETY: set by the loader before it calls anyone, and constant from then on.
    let start = unsafe { STACK_END };
    if start.is_null() || !start.is_aligned() {
        return None;
    }
    // SAFETY: the kernel's layout; the null behind the arguments is looked at before it is passed.
    unsafe {
        let count = start.read();
        let end = start.add(1).add(count.min(ARGUMENTS_MAX));
        (count <= ARGUMENTS_MAX && end.read() == 0).then(|| end.add(1).cast())
    }
}

/// Puts `new` in the place of `old` in the value of the variable `name`, for the programs that this
/// one starts. Both are equally long.
///
/// # Safety
/// As [`variable`], and nobody may refer to the value meanwhile.
pub unsafe fn overwrite(environment: *const *const c_char, name: &[u8], old: &[u8], new: &[u8]) {
    debug_assert_eq!(old.len(), new.len());
    // SAFETY: the caller's promise.
    let Some(value) = (unsafe { variable(environment, name) }) else { return };
    let Some(place) = value.windows(old.len()).position(|part| part == old) else { return };
    let start = value.as_ptr() as usize + place;
    for (index, byte) in new.iter().enumerate() {
        // SAFETY: within the value; the kernel put the environment where the process may write.
        unsafe { ((start + index) as *mut u8).write_volatile(*byte) };
    }
}

/// The value of the variable `name` in `environment`, an array of "NAME=value" that a null ends.
///
/// # Safety
/// `environment` must be such an array, or null, and stay unchanged while the result is used.
pub unsafe fn variable<'a>(environment: *const *const c_char, name: &[u8]) -> Option<&'a [u8]> {
    let mut entry = environment;
    // SAFETY: the caller's promise: the walk ends at the null, and each entry is a C string.
    unsafe {
        while !entry.is_null() && !(*entry).is_null() {
            let text = CStr::from_ptr(*entry).to_bytes();
            if let Some(value) = text.strip_prefix(name).and_then(|rest| rest.strip_prefix(b"=")) {
                return Some(value);
            }
            entry = entry.add(1);
        }
    }
    None
}
