//! The loaded modules: the program, its libraries, the kernel's vdso. Where each lies, what file it
//! came from, its build id, and where its description of stack frames is.
//!
//! [`with`] takes no lock where the C library has `_dl_find_object` (glibc 2.35), so it may be
//! called at any moment. [`for_each`], and `with` on an older glibc, take the loader's lock for the
//! list of modules: they may be called inside `malloc`, also while this thread is inside `dlopen`
//! (the lock is recursive), but never while holding a lock of Cairn's, because another thread may
//! allocate while it holds the loader's: unless all of it is done in [`keep_still`].

use super::memory::page_bytes;
use super::processor::system_call;
use super::thread;
use super::unwind::probe::is_readable;
use core::ffi::{c_char, c_int, c_void, CStr};
use core::mem::{size_of, MaybeUninit};
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use libc::{dl_phdr_info, Elf64_Ehdr, Elf64_Phdr};

/// A loaded module.
pub struct Module<'a> {
    /// Its first address.
    pub start: usize,
    /// The address behind its last byte.
    pub end: usize,
    /// What was added to the addresses in its file.
    pub bias: usize,
    /// The file, as the loader names it: empty for the program itself.
    pub path: &'a [u8],
    pub(super) headers: &'a [Elf64_Phdr],
}

/// How often modules were loaded and unloaded since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Changes {
    /// Modules that were loaded.
    pub loaded: u64,
    /// Modules that were unloaded.
    pub unloaded: u64,
}

impl<'a> Module<'a> {
    fn new(bias: usize, path: &'a [u8], headers: &'a [Elf64_Phdr]) -> Option<Self> {
        let loaded = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
        let start = loaded().map(|header| header.p_vaddr as usize).min()?;
        let end = loaded().map(|header| (header.p_vaddr + header.p_memsz) as usize).max()?;
        let start = bias + start / page_bytes() * page_bytes();
        Some(Self { start, end: bias + end, bias, path, headers })
    }

    /// What the linker noted to tell this build from every other, or nothing.
    pub fn build_id(&self) -> &'a [u8] {
        const BUILD_ID: u32 = 3;
        let notes = self.headers.iter().filter(|header| header.p_type == libc::PT_NOTE);
        notes
            .filter_map(|header| {
                let start = self.bias + header.p_vaddr as usize;
                find_note(self.bytes(start, header.p_memsz as usize)?, BUILD_ID, b"GNU\0")
            })
            .next()
            .unwrap_or(&[])
    }

    /// `.eh_frame_hdr`, and the segment that it lies in, where `.eh_frame` is too.
    pub fn frame_description(&self) -> Option<(&'a [u8], &'a [u8])> {
        let header = self.headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME)?;
        let start = self.bias + header.p_vaddr as usize;
        let segment = self.segment_of(start)?;
        Some((self.bytes(start, header.p_memsz as usize)?, segment))
    }

    /// The readable loaded segment that `address` is in.
    fn segment_of(&self, address: usize) -> Option<&'a [u8]> {
        let segment = self.headers.iter().find(|header| {
            let start = self.bias + header.p_vaddr as usize;
            header.p_type == libc::PT_LOAD
                && header.p_flags & libc::PF_R != 0
                && (start..start + header.p_memsz as usize).contains(&address)
        })?;
        let start = self.bias + segment.p_vaddr as usize;
        // SAFETY: the loader has mapped the segment, and unmaps it only when the module goes; what
        // is read of it is its read-only part.
        Some(unsafe { core::slice::from_raw_parts(start as *const u8, segment.p_memsz as usize) })
    }

    fn bytes(&self, start: usize, length: usize) -> Option<&'a [u8]> {
        let segment = self.segment_of(start)?;
        let offset = start - segment.as_ptr() as usize;
        segment.get(offset..offset.checked_add(length)?)
    }
}

/// The contents of the note of this kind and name among `notes`.
fn find_note<'a>(mut notes: &'a [u8], kind: u32, name: &[u8]) -> Option<&'a [u8]> {
    let word = |at: usize, notes: &[u8]| {
        Some(u32::from_ne_bytes(notes.get(at..at + 4)?.try_into().ok()?) as usize)
    };
    loop {
        let (name_length, length) = (word(0, notes)?, word(4, notes)?);
        let contents = 12 + name_length.next_multiple_of(4);
        if word(8, notes)? == kind as usize && notes.get(12..12 + name_length)? == name {
            return notes.get(contents..contents + length);
        }
        notes = notes.get(contents + length.next_multiple_of(4)..)?;
    }
}

/// Calls `visit` with the module that holds `address`; `None` when none does.
pub fn with<T>(address: usize, visit: impl FnOnce(&Module) -> T) -> Option<T> {
    match find_object_function() {
        Some(find) => {
            let mut found = MaybeUninit::<FoundObject>::zeroed();
            // SAFETY: the function takes any address, and fills in the structure if it returns 0.
            let found = unsafe {
                if find(address as *const c_void, found.as_mut_ptr()) != 0 {
                    return None;
                }
                found.assume_init()
            };
            // SAFETY: the loader describes a module that is loaded.
            unsafe { found.module() }.map(|module| visit(&module))
        }
        None => {
            let mut visit = Some(visit);
            let mut result = None;
            for_each(|module| {
                if (module.start..module.end).contains(&address) {
                    result = visit.take().map(|visit| visit(module));
                }
            });
            result
        }
    }
}

/// `struct dl_find_object` of glibc's `dlfcn.h`.
#[repr(C)]
struct FoundObject {
    _flags: u64,
    start: usize,
    _end: usize,
    link_map: *const LinkMap,
    _frames: usize,
    _reserved: [u64; 7],
}

/// The public part of `struct link_map` of `link.h`.
#[repr(C)]
struct LinkMap {
    bias: usize,
    name: *const c_char,
}

type FindObject = unsafe extern "C" fn(*const c_void, *mut FoundObject) -> c_int;

impl FoundObject {
    /// # Safety
    /// It must describe a loaded module.
    unsafe fn module<'a>(&self) -> Option<Module<'a>> {
        // SAFETY: the caller's promise; the loader keeps its map and name as long as the module.
        let (bias, path) = unsafe {
            let map = self.link_map.as_ref()?;
            (map.bias, name_bytes(map.name))
        };
        // SAFETY: the module is mapped here.
        let headers = unsafe { program_headers(self.start).or_else(|| own_headers(path))? };
        Module::new(bias, path, headers)
    }
}

/// # Safety
/// `name` must be null or a C string that outlives the result.
unsafe fn name_bytes<'a>(name: *const c_char) -> &'a [u8] {
    if name.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(name) }.to_bytes()
}

/// The program headers of the module whose file is mapped from `start` on; they lie behind the
/// file's header. `None` where they aren't, as in a packed program.
///
/// # Safety
/// A module must be mapped there.
unsafe fn program_headers<'a>(start: usize) -> Option<&'a [Elf64_Phdr]> {
    if !is_readable(start) {
        return None;
    }
    // SAFETY: the page is readable, and mapped as long as the module is.
    let file = unsafe { &*(start as *const Elf64_Ehdr) };
    let (offset, count) = (file.e_phoff as usize, file.e_phnum as usize);
    let fits = offset.checked_add(count * size_of::<Elf64_Phdr>())? <= page_bytes();
    let is_known = file.e_ident[..4] == *b"\x7fELF"
        && file.e_phentsize as usize == size_of::<Elf64_Phdr>()
        && offset.is_multiple_of(8);
    // SAFETY: they lie in the first page, see above.
    (fits && is_known)
        .then(|| unsafe { core::slice::from_raw_parts((start + offset) as *const _, count) })
}

/// The program headers of the program, if `path` is its. Of a program that isn't mapped in one
/// piece the loader tells only the piece that an address is in.
fn own_headers<'a>(path: &[u8]) -> Option<&'a [Elf64_Phdr]> {
    // SAFETY: reads the auxiliary vector; the kernel put the program's headers there.
    unsafe {
        let start = libc::getauxval(libc::AT_PHDR) as *const Elf64_Phdr;
        let count = libc::getauxval(libc::AT_PHNUM) as usize;
        let is_known = path.is_empty() && !start.is_null() && start.is_aligned();
        is_known.then(|| core::slice::from_raw_parts(start, count))
    }
}

/// glibc's `_dl_find_object`, if it has one. A weak symbol rather than one looked up by `dlsym`,
/// because it is needed inside `malloc` before any constructor has run.
fn find_object_function() -> Option<FindObject> {
    let function = super::unwind::probe::find_object_address();
    // SAFETY: the function of that name has this type.
    (function != 0).then(|| unsafe { core::mem::transmute::<usize, FindObject>(function) })
}

/// Calls `visit` for each loaded module. Takes the loader's lock, see above.
pub fn for_each(mut visit: impl FnMut(&Module)) {
    iterate(&mut |information| {
        // SAFETY: the loader's list, which holds still during the call.
        if let Some(module) = unsafe { module_of(information) } {
            visit(&module);
        }
        true
    });
}

/// Calls `act` while the loader's list holds still: its lock comes before those that `act` takes,
/// and may be taken again inside.
pub fn keep_still(act: impl FnOnce()) {
    let mut act = Some(act);
    iterate(&mut |_| {
        if let Some(act) = act.take() {
            act();
        }
        false
    });
    // A program without a list has no lock either.
    if let Some(act) = act {
        act();
    }
}

/// The address of the function `name` that comes behind this library in the process's search order;
/// `None` if there is none, or if it isn't the first in the whole order.
pub fn next_function(name: &CStr) -> Option<usize> {
    // SAFETY: looks up a name.
    let (first, next) = unsafe {
        let find = |scope| libc::dlsym(scope, name.as_ptr()) as usize;
        (find(libc::RTLD_DEFAULT), find(libc::RTLD_NEXT))
    };
    (next != 0 && next == first).then_some(next)
}

/// The address of a function of the program or its libraries, or 0.
pub fn function(name: &CStr) -> usize {
    // SAFETY: looks up a name in the process's search order.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) as usize }
}

/// How often the list of modules has changed. Takes the loader's lock, see above.
pub fn changes() -> Changes {
    let mut changes = Changes { loaded: 0, unloaded: 0 };
    iterate(&mut |information| {
        changes = Changes { loaded: information.dlpi_adds, unloaded: information.dlpi_subs };
        false
    });
    changes
}

/// # Safety
/// `information` must be of a loaded module.
unsafe fn module_of<'a>(information: &dl_phdr_info) -> Option<Module<'a>> {
    let bias = information.dlpi_addr as usize;
    // SAFETY: the caller's promise.
    let (headers, path) = unsafe {
        let count = information.dlpi_phnum as usize;
        let headers: &'a [Elf64_Phdr] = core::slice::from_raw_parts(information.dlpi_phdr, count);
        (headers, name_bytes(information.dlpi_name))
    };
    Module::new(bias, path, headers)
}

/// Calls `visit` for each entry of the loader's list until it returns false.
fn iterate(visit: &mut dyn FnMut(&dl_phdr_info) -> bool) {
    unsafe extern "C" fn call(
        information: *mut dl_phdr_info,
        _size: usize,
        data: *mut c_void,
    ) -> c_int {
        // SAFETY: `data` is the reference below, and the loader lends `information`.
        let go_on =
            unsafe { (*data.cast::<&mut dyn FnMut(&dl_phdr_info) -> bool>())(&*information) };
        c_int::from(!go_on)
    }
    let mut visit = visit;
    begin_reading();
    // SAFETY: `visit` lives until the call returns.
    unsafe { libc::dl_iterate_phdr(Some(call), (&raw mut visit).cast()) };
    READERS.fetch_sub(1, SeqCst);
}

/// How many threads read the loader's list for the library, and the one that forks, or 0.
static READERS: AtomicUsize = AtomicUsize::new(0);
static FORKING: AtomicUsize = AtomicUsize::new(0);
/// How often a fork and a reader wait for each other: about a tenth of a second, because the reader
/// may be within what the other waits for.
const ROUNDS_MAX: u32 = 80;

fn begin_reading() {
    for round in 0..ROUNDS_MAX {
        READERS.fetch_add(1, SeqCst);
        if [0, thread::id()].contains(&FORKING.load(SeqCst)) {
            return;
        }
        READERS.fetch_sub(1, SeqCst);
        thread::give_way(round);
    }
    READERS.fetch_add(1, SeqCst);
}

/// Before a fork: no other thread reads the list any more. A child would wait for ever for a lock
/// of the loader's that a thread held which isn't in it: glibc doesn't open that one (2.36).
pub fn hold_for_fork() {
    FORKING.store(thread::id(), SeqCst);
    for round in 0..ROUNDS_MAX {
        if READERS.load(SeqCst) == 0 {
            return;
        }
        thread::give_way(round);
    }
}

/// After a fork, in the parent or the child.
pub fn release_after_fork() {
    FORKING.store(0, SeqCst);
}

/// In a fork's child: its parent's other threads aren't in it.
pub fn forget_readers() {
    READERS.store(0, SeqCst);
}

/// The program's own path, put into `buffer`; nothing without `/proc`.
pub fn program_path(buffer: &mut [u8]) -> &[u8] {
    let path = c"/proc/self/exe".as_ptr() as usize;
    let arguments = [path, buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0];
    // SAFETY: the kernel writes at most its length into the buffer.
    let length = unsafe { system_call(libc::SYS_readlink, arguments) };
    &buffer[..length.max(0) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> usize {
        program_path as fn(&mut [u8]) -> &[u8] as usize
    }

    #[test]
    fn this_program_is_the_module_of_its_own_functions() {
        let mut buffer = [0; 4096];
        let path = String::from_utf8(program_path(&mut buffer).to_vec()).unwrap();
        assert_eq!(std::path::Path::new(&path), std::env::current_exe().unwrap());
        let (start, end, bias, name) =
            with(here(), |m| (m.start, m.end, m.bias, m.path.to_vec())).unwrap();
        assert!(start <= here() && here() < end && bias == start && name.is_empty());
        assert!(with(16, |_| ()).is_none());
        assert!(with(&raw const buffer as usize, |_| ()).is_none());
    }

    #[test]
    fn both_ways_to_find_modules_agree() {
        let mut count = 0;
        for_each(|module| {
            count += 1;
            let found = with(module.start, |other| {
                (other.start, other.end, other.bias, other.path.to_vec(), other.build_id().to_vec())
            });
            let own = (module.start, module.end, module.bias, module.path.to_vec());
            let (start, end, bias, path, id) = found.unwrap();
            assert_eq!((start, end, bias, path), own);
            assert_eq!(id, module.build_id());
        });
        assert!(count >= 3, "the program, libc, the loader");
        let changes = changes();
        assert!(changes.loaded >= 3 && changes.unloaded <= changes.loaded);
    }

    #[test]
    fn the_c_library_has_a_build_id_and_describes_its_frames() {
        let address = libc::getpid as unsafe extern "C" fn() -> i32 as usize;
        with(address, |module| {
            assert!(String::from_utf8_lossy(module.path).contains("libc"));
            assert_eq!(module.build_id().len(), 20);
            let (header, segment) = module.frame_description().unwrap();
            assert!(header[0] == 1 && segment.len() > header.len());
        })
        .unwrap();
    }

    #[test]
    fn a_note_is_found_behind_others_and_nonsense_is_none() {
        let note = |name: &[u8], kind: u32, contents: &[u8]| {
            let mut bytes = Vec::new();
            for word in [name.len() as u32, contents.len() as u32, kind] {
                bytes.extend(word.to_ne_bytes());
            }
            for part in [name, contents] {
                bytes.extend(part);
                bytes.resize(bytes.len().next_multiple_of(4), 0);
            }
            bytes
        };
        let notes = [note(b"abcde\0", 1, b"xyz"), note(b"GNU\0", 3, b"build")].concat();
        assert_eq!(find_note(&notes, 3, b"GNU\0"), Some(&b"build"[..]));
        assert_eq!(find_note(&notes, 4, b"GNU\0"), None);
        assert_eq!(find_note(&[0xff; 40], 3, b"GNU\0"), None);
        assert_eq!(find_note(&notes[..30], 3, b"GNU\0"), None);
    }
}
