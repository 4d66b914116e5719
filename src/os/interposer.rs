//! Another allocator in front of this one. heaptrack and AddressSanitizer define `malloc`, `free`
//! and `realloc` before Cairn does, and valgrind puts its own in place of functions of these names
//! in any library, but none of them knows every name that Cairn exports. A block that such a name
//! hands out or takes has to be the other one's.

use super::processor::is_on_valgrind;
use core::ffi::{c_void, CStr};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// A C function that frees.
pub type Free = unsafe extern "C" fn(*mut c_void);
/// A C function that resizes.
pub type Realloc = unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void;

static FREE: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static REALLOC: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Looks for one when the library is loaded. `free` and `realloc` are Cairn's.
pub fn look_for(free: Free, realloc: Realloc) {
    note(c"free", free as *mut c_void, &FREE);
    note(c"realloc", realloc as *mut c_void, &REALLOC);
}

/// Notes what is called by `name`, if that isn't Cairn's own function, or only seems to be.
fn note(name: &CStr, own: *mut c_void, other: &AtomicPtr<c_void>) {
    // SAFETY: looks up a name in the process's search order, and behind this library.
    let (first, next) = unsafe {
        let find = |scope| libc::dlsym(scope, name.as_ptr());
        (find(libc::RTLD_DEFAULT), find(libc::RTLD_NEXT))
    };
    // Where the library is opened late, the first is glibc's: that isn't in front, but apart.
    if is_on_valgrind() || (first != own && first != next && !is_reference(first)) {
        other.store(first, Relaxed);
    }
}

/// Whether a module other than the C++ runtime brings operators of its own. It may use its own
/// `new`, which calls `malloc`, beside the `delete` that the whole process has, or the other way
/// round. `own` is Cairn's `operator new`.
pub fn has_other_operators(own: *const c_void) -> bool {
    let name = c"_Znwm";
    // SAFETY: looks up a name in the process's search order, and behind this library.
    let (first, next) = unsafe {
        let find = |scope| libc::dlsym(scope, name.as_ptr()).cast_const();
        (find(libc::RTLD_DEFAULT), find(libc::RTLD_NEXT))
    };
    (first != own && !is_reference(first)) || (!next.is_null() && !is_of_runtime(next))
}

/// Whether `function` lies in a C++ runtime's library.
fn is_of_runtime(function: *const c_void) -> bool {
    let mut information = core::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: written when the call succeeds; the path is the loader's.
    unsafe {
        if libc::dladdr(function, information.as_mut_ptr()) == 0 {
            return true;
        }
        let path = CStr::from_ptr(information.assume_init().dli_fname).to_bytes();
        let has = |name: &[u8]| path.windows(name.len()).any(|part| part == name);
        has(b"libstdc++") || has(b"libc++")
    }
}

extern "C" {
    /// dladdr(3).
    fn dladdr1(
        address: *const c_void,
        information: *mut libc::Dl_info,
        extra: *mut *mut c_void,
        flags: i32,
    ) -> i32;
}

/// Whether the symbol at `function` only stands for one that is elsewhere: a program that isn't
/// position-independent and takes a function's address has a stub for it, whose address is then the
/// function's everywhere (System V ABI, AMD64 supplement, "Function Addresses").
fn is_reference(function: *const c_void) -> bool {
    /// The extra that is a symbol, from dlfcn.h.
    const RTLD_DL_SYMENT: i32 = 1;
    let mut information = core::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let mut symbol: *mut c_void = core::ptr::null_mut();
    // SAFETY: both are written when the call succeeds, and the symbol is the loader's.
    unsafe {
        let found =
            dladdr1(function, information.as_mut_ptr(), &raw mut symbol, RTLD_DL_SYMENT) != 0;
        found && !symbol.is_null() && (*symbol.cast::<libc::Elf64_Sym>()).st_shndx == 0
    }
}

/// The `free` in front of Cairn's, if there is one.
pub fn free() -> Option<Free> {
    let function = FREE.load(Relaxed);
    // SAFETY: a function of that name has that type.
    (!function.is_null()).then(|| unsafe { core::mem::transmute::<*mut c_void, Free>(function) })
}

/// The `realloc` in front of Cairn's, if there is one.
pub fn realloc() -> Option<Realloc> {
    let function = REALLOC.load(Relaxed);
    // SAFETY: a function of that name has that type.
    (!function.is_null()).then(|| unsafe { core::mem::transmute::<*mut c_void, Realloc>(function) })
}
