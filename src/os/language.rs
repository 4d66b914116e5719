//! Whether a program is written in C, as its debug information says (DWARF 2 to 5, the standard's
//! chapter 7). Of each unit only the first entry is read, and of that only the language.

use super::processor::system_call;
use core::ffi::CStr;

/// Whether the file at `path` is a program that has debug information, all of it for C or for
/// assembly.
pub fn is_in_c(path: &CStr) -> bool {
    let Some(file) = MappedFile::open(path) else { return false };
    let bytes = file.bytes();
    let sections = (section(bytes, b".debug_info"), section(bytes, b".debug_abbrev"));
    let (Some(units), Some(abbreviations)) = sections else { return false };
    are_units_in_c(units, abbreviations).unwrap_or(false)
}

/// A file's bytes, as long as this lives.
struct MappedFile {
    start: usize,
    length: usize,
}

impl MappedFile {
    fn open(path: &CStr) -> Option<Self> {
        let flags = (libc::O_RDONLY | libc::O_CLOEXEC) as usize;
        let arguments = [libc::AT_FDCWD as usize, path.as_ptr() as usize, flags, 0, 0, 0];
        // SAFETY: the path is a C string; the kernel chooses where the mapping is; the file closed
        // is the one opened.
        unsafe {
            let file = usize::try_from(system_call(libc::SYS_openat, arguments)).ok()?;
            let end = system_call(libc::SYS_lseek, [file, 0, libc::SEEK_END as usize, 0, 0, 0]);
            let length = usize::try_from(end).unwrap_or(0);
            let (protection, flags) = (libc::PROT_READ as usize, libc::MAP_PRIVATE as usize);
            let start = system_call(libc::SYS_mmap, [0, length, protection, flags, file, 0]);
            system_call(libc::SYS_close, [file, 0, 0, 0, 0, 0]);
            (start > 0).then_some(Self { start: start as usize, length })
        }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is there, and nobody writes to a program that runs.
        unsafe { core::slice::from_raw_parts(self.start as *const u8, self.length) }
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        // SAFETY: the mapping made by `open`.
        unsafe { system_call(libc::SYS_munmap, [self.start, self.length, 0, 0, 0, 0]) };
    }
}

/// The contents of the section of this name in an ELF file. `None` if they are compressed.
fn section<'a>(file: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    const HEADER_BYTES: usize = 64;
    const IS_COMPRESSED: usize = 1 << 11;
    let at = |offset: usize| Reader::at(file, offset);
    let start = at(40)?.number(8)?;
    let (count, names) = (at(60)?.number(2)?, at(62)?.number(2)?);
    let header = |index: usize| at(start.checked_add(index * HEADER_BYTES)?);
    let contents = |index: usize| {
        let mut header = header(index)?;
        header.skip(24)?;
        let (offset, length) = (header.number(8)?, header.number(8)?);
        file.get(offset..offset.checked_add(length)?)
    };
    let names = contents(names)?;
    let is_named = |index: &usize| {
        let offset = header(*index).and_then(|mut header| header.number(4));
        let rest = offset.and_then(|offset| names.get(offset..));
        rest.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.first() == Some(&0))
    };
    let index = (0..count).find(is_named)?;
    let mut header = header(index)?;
    header.skip(8)?;
    (header.number(8)? & IS_COMPRESSED == 0).then(|| contents(index)).flatten()
}

/// What a unit is, if it is one that need not be looked at or has more in its header (7.5.1).
const TYPE_UNIT: usize = 2;
const SPLIT_TYPE_UNIT: usize = 6;
const SKELETON: usize = 4;
const SPLIT_UNIT: usize = 5;

/// Whether at least one unit says its language, and each that does says C or assembly. `None` if
/// the bytes aren't understood.
fn are_units_in_c(units: &[u8], abbreviations: &[u8]) -> Option<bool> {
    let mut rest = Reader { bytes: units };
    let mut has_one = false;
    while !rest.bytes.is_empty() {
        let mut length = rest.number(4)?;
        let is_wide = length == 0xFFFF_FFFF;
        if is_wide {
            length = rest.number(8)?;
        }
        let mut unit = Reader { bytes: rest.take(length)? };
        let offset_bytes = if is_wide { 8 } else { 4 };
        let version = unit.number(2)?;
        let (abbreviation, address_bytes) = if version >= 5 {
            let (kind, address_bytes) = (unit.number(1)?, unit.number(1)?);
            let abbreviation = unit.number(offset_bytes)?;
            match kind {
                TYPE_UNIT | SPLIT_TYPE_UNIT => continue,
                SKELETON | SPLIT_UNIT => unit.skip(8)?,
                _ => {}
            }
            (abbreviation, address_bytes)
        } else {
            (unit.number(offset_bytes)?, unit.number(1)?)
        };
        let code = unit.leb()?;
        let mut form = Reader::at(abbreviations, abbreviation)?;
        form.find_abbreviation(code)?;
        let sizes = Sizes { offset_bytes, address_bytes, version };
        match language(&mut unit, &mut form, &sizes)? {
            Some(language) if is_c(language) => has_one = true,
            Some(_) => return Some(false),
            None => {}
        }
    }
    Some(has_one)
}

/// Whether a language, by its number (table 7.17, and what was added since), is C or assembly.
fn is_c(language: usize) -> bool {
    /// C89, C, C99, C11, C17; assembly by two numbers.
    const NUMBERS: [usize; 7] = [0x01, 0x02, 0x0C, 0x1D, 0x2C, 0x31, 0x8001];
    NUMBERS.contains(&language)
}

/// What a unit's header says about the sizes of what follows.
struct Sizes {
    offset_bytes: usize,
    address_bytes: usize,
    version: usize,
}

/// The language among the attributes in `values`, whose names and forms are in `forms`. The inner
/// `None`: there is none among them.
fn language(values: &mut Reader, forms: &mut Reader, sizes: &Sizes) -> Option<Option<usize>> {
    const LANGUAGE: usize = 0x13;
    const IMPLICIT: usize = 0x21;
    loop {
        let (name, form) = (forms.leb()?, forms.leb()?);
        if (name, form) == (0, 0) {
            return Some(None);
        }
        let implicit = if form == IMPLICIT { forms.leb()? } else { 0 };
        if name != LANGUAGE {
            values.skip_value(form, sizes)?;
            continue;
        }
        return Some(Some(match form {
            0x0B => values.number(1)?,
            0x05 => values.number(2)?,
            0x0F => values.leb()?,
            IMPLICIT => implicit,
            _ => return None,
        }));
    }
}

/// Reads from the front of some bytes; `None` beyond their end.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn at(bytes: &'a [u8], offset: usize) -> Option<Self> {
        Some(Self { bytes: bytes.get(offset..)? })
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    /// A number of up to eight bytes.
    fn number(&mut self, bytes: usize) -> Option<usize> {
        let mut word = [0; 8];
        word[..bytes].copy_from_slice(self.take(bytes)?);
        Some(usize::from_le_bytes(word))
    }

    /// A number in seven bits a byte; bits beyond a word's are lost.
    fn leb(&mut self) -> Option<usize> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.number(1)?;
            value |= (byte & 0x7F).checked_shl(shift).unwrap_or(0);
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
    }

    /// Goes to the forms of the abbreviation with this number.
    fn find_abbreviation(&mut self, code: usize) -> Option<()> {
        const IMPLICIT: usize = 0x21;
        loop {
            let found = self.leb()?;
            if found == 0 {
                return None;
            }
            // Its tag, and whether entries are below it.
            self.leb()?;
            self.skip(1)?;
            if found == code {
                return Some(());
            }
            loop {
                let (name, form) = (self.leb()?, self.leb()?);
                if form == IMPLICIT {
                    self.leb()?;
                }
                if (name, form) == (0, 0) {
                    break;
                }
            }
        }
    }

    /// Skips an attribute's value by its form (7.5.6, and GNU's of `dwz`).
    fn skip_value(&mut self, form: usize, sizes: &Sizes) -> Option<()> {
        let length = match form {
            0x19 | 0x21 => 0,
            0x0B | 0x0C | 0x11 | 0x25 | 0x29 => 1,
            0x05 | 0x12 | 0x26 | 0x2A => 2,
            0x27 | 0x2B => 3,
            0x06 | 0x13 | 0x1C | 0x28 | 0x2C => 4,
            0x07 | 0x14 | 0x20 | 0x24 => 8,
            0x1E => 16,
            0x01 => sizes.address_bytes,
            0x10 if sizes.version == 2 => sizes.address_bytes,
            0x0E | 0x10 | 0x17 | 0x1D | 0x1F | 0x1F20 | 0x1F21 => sizes.offset_bytes,
            0x0D | 0x0F | 0x15 | 0x1A | 0x1B | 0x22 | 0x23 => return self.leb().map(|_| ()),
            0x08 => self.bytes.iter().position(|byte| *byte == 0)? + 1,
            0x0A => self.number(1)?,
            0x03 => self.number(2)?,
            0x04 => self.number(4)?,
            0x09 | 0x18 => self.leb()?,
            _ => return None,
        };
        self.skip(length)
    }
}

#[cfg(test)]
#[path = "language_tests.rs"]
mod tests;
