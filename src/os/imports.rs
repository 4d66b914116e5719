//! The functions that the program and its libraries import. Each module has a table with their
//! addresses, which the loader fills in; [`begin`] and [`adopt`] put other functions there, so that
//! what is called first needs no name that the whole process sees.
//!
//! Calls inside the C library and addresses that `dlsym` gives don't go through such a table.

use super::memory::{self, page_bytes, Range};
use super::modules::{self, Module};
use super::{files, processor};
use core::ffi::{c_char, CStr};
use core::mem::size_of;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// A function that is called in the place of one that modules import.
pub struct Hook {
    /// The name by which they import it.
    pub name: &'static CStr,
    /// What is called.
    pub function: unsafe extern "C" fn(),
    /// Where the address of the function in whose place it is is kept: 0 as long as there is none.
    pub original: &'static AtomicUsize,
}

/// An entry of a module's dynamic section.
#[repr(C)]
struct Entry {
    tag: u64,
    value: usize,
}

/// A place that the loader fills in: `Elf64_Rela`.
#[repr(C)]
struct Relocation {
    offset: usize,
    kind: u32,
    symbol: u32,
    _addend: i64,
}

/// `Elf64_Sym`.
#[repr(C)]
struct Symbol {
    name: u32,
    _kind: [u8; 2],
    /// 0 for what is defined elsewhere.
    section: u16,
    _value: [u64; 2],
}

/// What a module imports.
struct Imports<'a> {
    module: &'a Module<'a>,
    symbols: *const Symbol,
    names: *const c_char,
    /// Behind each other: what is filled in at once, and what may be filled in late.
    tables: [&'a [Relocation]; 2],
}

impl<'a> Imports<'a> {
    fn of(module: &'a Module<'a>) -> Option<Self> {
        let dynamic = module.headers.iter().find(|header| header.p_type == libc::PT_DYNAMIC)?;
        let start = (module.bias + dynamic.p_vaddr as usize) as *const Entry;
        // SAFETY: the module is loaded, and this is where its dynamic section lies.
        let entries = unsafe {
            core::slice::from_raw_parts(start, dynamic.p_memsz as usize / size_of::<Entry>())
        };
        let entries = entries.split(|entry| entry.tag == END).next()?;
        let value = |tag| entries.iter().find(|entry| entry.tag == tag).map(|entry| entry.value);
        // glibc has added the bias to addresses already, where it could write.
        let address = |tag| {
            value(tag).map(|value| if value < module.start { module.bias + value } else { value })
        };
        let table = |start, length| {
            let (Some(start), Some(length)) = (address(start), value(length)) else {
                return &[][..];
            };
            // SAFETY: the module's own table, of which the loader makes use too.
            unsafe {
                core::slice::from_raw_parts(
                    start as *const Relocation,
                    length / size_of::<Relocation>(),
                )
            }
        };
        Some(Self {
            module,
            symbols: address(SYMBOLS)? as *const Symbol,
            names: address(NAMES)? as *const c_char,
            tables: [table(TABLE, TABLE_LENGTH), table(LATE_TABLE, LATE_TABLE_LENGTH)],
        })
    }

    /// Calls `visit` with the place that holds the address of each function that one of `hooks`,
    /// which are sorted by name, is for.
    fn for_each(&self, hooks: &[Hook], mut visit: impl FnMut(usize, &Hook)) {
        for relocation in self.tables.into_iter().flatten() {
            let place = self.module.bias.wrapping_add(relocation.offset);
            if !processor::IMPORTS.contains(&relocation.kind)
                || !(self.module.start..self.module.end).contains(&place)
            {
                continue;
            }
            // SAFETY: the loader has followed the same number and the same name.
            let name = unsafe {
                let symbol = &*self.symbols.add(relocation.symbol as usize);
                if symbol.section != 0 {
                    continue;
                }
                CStr::from_ptr(self.names.add(symbol.name as usize))
            };
            let found = hooks.binary_search_by(|hook| hook.name.cmp(name));
            if let Some(hook) = found.ok().map(|index| &hooks[index]) {
                if hook.original.load(Relaxed) != 0 {
                    visit(place, hook);
                }
            }
        }
    }

    /// Puts the hooks in.
    fn put_in(&self, hooks: &[Hook]) {
        let protected = protected(self.module);
        let is_protected = |place| protected.is_some_and(|range| range.contains(place));
        let mut opens = false;
        self.for_each(hooks, |place, hook| {
            opens |= is_protected(place) && at(place).load(Relaxed) != hook.function as usize;
        });
        // SAFETY: the module's own; other threads only read there, which they may go on with.
        let is_open = opens && protected.is_some_and(|range| unsafe { memory::allow(range) });
        self.for_each(hooks, |place, hook| {
            if is_open || !is_protected(place) {
                at(place).store(hook.function as usize, Relaxed);
            }
        });
        if let (true, Some(range)) = (is_open, protected) {
            // SAFETY: as the loader left it; writers are kept out by the lock of its list.
            unsafe { memory::write_protect(range) };
        }
    }
}

const END: u64 = 0;
const LATE_TABLE_LENGTH: u64 = 2;
const NAMES: u64 = 5;
const SYMBOLS: u64 = 6;
const TABLE: u64 = 7;
const TABLE_LENGTH: u64 = 8;
const LATE_TABLE: u64 = 23;

/// What a module's loader has filled in and protected against writing (`PT_GNU_RELRO`).
fn protected(module: &Module) -> Option<Range> {
    let header = module.headers.iter().find(|header| header.p_type == libc::PT_GNU_RELRO)?;
    let down = |address: usize| address / page_bytes() * page_bytes();
    let start = module.bias + header.p_vaddr as usize;
    let (start, end) = (down(start), down(start + header.p_memsz as usize));
    (start < end).then(|| Range { start, length: end - start })
}

fn at(place: usize) -> &'static AtomicUsize {
    // SAFETY: a place of a loaded module that holds an address; the loader and the threads of the
    // program read and write it as one word.
    unsafe { AtomicUsize::from_ptr(place as *mut usize) }
}

/// Modules that the loader is still busy with: what it will protect is still writable.
struct Unfinished {
    starts: [usize; 16],
    count: usize,
}

impl Unfinished {
    fn look() -> Self {
        let mut unfinished = Self { starts: [0; 16], count: 0 };
        files::find_mapping(|mapping| {
            let has_protected = |module: &Module| {
                protected(module)
                    .filter(|range| mapping.contains(range.start))
                    .map(|_| module.start)
            };
            if mapping.is_writable() {
                if let Some(Some(start)) = modules::with(mapping.start, has_protected) {
                    if let Some(free) = unfinished.starts.get_mut(unfinished.count) {
                        *free = start;
                    }
                    unfinished.count += 1;
                }
            }
            false
        });
        unfinished
    }

    /// Whether the loader has done with `module`. The program itself is always done; of a library
    /// without anything to protect nothing is known.
    fn is_done(&self, module: &Module) -> bool {
        let is_known = self.count <= self.starts.len() && !self.starts.contains(&module.start);
        module.path.is_empty() || (is_known && protected(module).is_some())
    }
}

/// Looks for the functions in whose place the hooks are to be, and puts them there in every module
/// that is loaded by now. A function that another library or the program defines stays. The hooks
/// must be sorted by name.
pub fn begin(hooks: &[Hook]) {
    for hook in hooks {
        if let Some(function) = modules::next_function(hook.name) {
            hook.original.store(function, Relaxed);
        }
    }
    adopt(hooks);
}

/// Puts the hooks into modules that were loaded since it was last called.
pub fn adopt(hooks: &[Hook]) {
    /// How many modules had been loaded when all of them were done; 0 before.
    static ADOPTED: AtomicU64 = AtomicU64::new(0);
    let loaded = modules::changes().loaded;
    if ADOPTED.load(Relaxed) == loaded {
        return;
    }
    // The lock of the loader's list keeps modules from coming and going, and others from this.
    modules::keep_still(|| {
        let unfinished = Unfinished::look();
        modules::for_each(|module| {
            if unfinished.is_done(module) && !is_left_out(module) {
                if let Some(imports) = Imports::of(module) {
                    imports.put_in(hooks);
                }
            }
        });
        if unfinished.count == 0 {
            ADOPTED.store(loaded, Relaxed);
        }
    });
}

/// This library, the C library, the loader, and the kernel's page of functions.
fn is_left_out(module: &Module) -> bool {
    // SAFETY: reads the auxiliary vector.
    let (loader, kernel) = unsafe {
        (libc::getauxval(libc::AT_BASE) as usize, libc::getauxval(libc::AT_SYSINFO_EHDR) as usize)
    };
    let own = begin as fn(&[Hook]) as usize;
    let c_library = libc::__errno_location as *const () as usize;
    [own, c_library, loader, kernel]
        .iter()
        .any(|inside| (module.start..module.end).contains(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    static ORIGINAL: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn seven() -> i32 {
        7
    }

    unsafe extern "C" fn nothing() {}

    /// What nothing else in the tests asks for. Not inlined: a function may keep the address of an
    /// import from one call to the next.
    #[inline(never)]
    fn session() -> i32 {
        // SAFETY: has no effect.
        unsafe { libc::getsid(0) }
    }

    #[test]
    fn an_import_can_be_put_in_the_place_of_another_and_back() {
        let before = session();
        assert!(before >= 0);
        let hook = |function| [Hook { name: c"getsid", function, original: &ORIGINAL }];
        let put_in = |hooks: &[Hook]| {
            modules::for_each(|module| {
                if module.path.is_empty() {
                    Imports::of(module).unwrap().put_in(hooks);
                }
            });
        };
        // SAFETY: it is called as what it is.
        let seven = unsafe {
            core::mem::transmute::<extern "C" fn() -> i32, unsafe extern "C" fn()>(seven)
        };
        put_in(&hook(seven));
        assert_eq!(session(), before, "it has no original yet");
        let original = modules::function(c"getsid");
        ORIGINAL.store(original, Relaxed);
        put_in(&hook(seven));
        let hooked = session();
        // SAFETY: the address of a function.
        put_in(&hook(unsafe { core::mem::transmute::<usize, unsafe extern "C" fn()>(original) }));
        assert_eq!(session(), before);
        assert_eq!(hooked, 7);
        put_in(&[Hook { name: c"no such function", function: nothing, original: &ORIGINAL }]);
    }

    #[test]
    fn the_loader_has_done_with_what_is_loaded_at_the_start() {
        let unfinished = Unfinished::look();
        assert_eq!(unfinished.count, 0);
        modules::for_each(|module| {
            if !is_left_out(module) && protected(module).is_some() {
                assert!(unfinished.is_done(module));
            }
        });
    }
}
