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
