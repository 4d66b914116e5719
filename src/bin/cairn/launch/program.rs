//! Finds the program, and says why one can't take a preloaded library: before anything runs.

use super::system;
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, ReadCache};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A script's interpreter may be a script; the kernel follows so many.
const INTERPRETERS_MAX: usize = 5;

/// The kernel reads so much of a script's first line.
const FIRST_LINE_BYTES_MAX: usize = 256;

/// The program with this name: as it is if there is a slash in it, else from PATH.
///
/// # Errors
/// There is none, or it isn't executable.
pub fn find(name: &OsStr) -> Result<PathBuf, String> {
    let shown = name.to_string_lossy();
    if name.is_empty() {
        return Err("the program's name is empty".to_string());
    }
    if name.as_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return runnable(&path).map(|()| path);
    }
    let folders = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/bin:/usr/bin"));
    let mut refused = None;
    for folder in std::env::split_paths(&folders) {
        let path = folder.join(name);
        match runnable(&path) {
            Ok(()) => return Ok(path),
            Err(why) if path.exists() => refused = refused.or(Some(why)),
            Err(_) => {}
        }
    }
    Err(refused.unwrap_or_else(|| format!("{shown}: there is no such program in PATH")))
}

fn runnable(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("{shown}: there is no such program"),
        _ => format!("{shown}: {error}"),
    })?;
    if metadata.is_dir() {
        Err(format!("{shown}: it is a folder"))
    } else if !metadata.is_file() {
        Err(format!("{shown}: it isn't a file"))
    } else if !system::may_execute(path) {
        Err(format!("{shown}: it isn't executable"))
    } else {
        Ok(())
    }
}

/// Whether a library can be preloaded into the program.
///
/// # Errors
/// Why not.
pub fn examine(path: &Path) -> Result<(), String> {
    let mut path = path.to_path_buf();
    for _ in 0..INTERPRETERS_MAX {
        let shown = path.display();
        if let Some(why) = privileged(&path) {
            return Err(format!("{shown}: {why}, so the system preloads nothing into it"));
        }
        let mut file = File::open(&path)
            .map_err(|error| format!("{shown}: can't see whether it can be preloaded: {error}"))?;
        let mut start = Vec::new();
        let _ = file.by_ref().take(FIRST_LINE_BYTES_MAX as u64).read_to_end(&mut start);
        if start.starts_with(b"\x7fELF") {
            return examine_elf(&file, &start).map_err(|why| format!("{shown}: {why}"));
        }
        let interpreter = interpreter(&start).map_err(|why| format!("{shown}: {why}"))?;
        runnable(&interpreter).map_err(|why| format!("{shown}: its interpreter: {why}"))?;
        path = interpreter;
    }
    Err(format!("{}: too many scripts are interpreters of each other", path.display()))
}

/// Why the system would run this file with privileges that the user lacks.
fn privileged(path: &Path) -> Option<&'static str> {
    let metadata = std::fs::metadata(path).ok()?;
    let (user, group) = system::real_ids();
    let (mode, in_group) = (metadata.mode(), metadata.mode() & libc::S_IXGRP != 0);
    if system::ignores_privileges(path) {
        None
    } else if mode & libc::S_ISUID != 0 && metadata.uid() != user {
        Some("it is setuid")
    } else if mode & libc::S_ISGID != 0 && in_group && metadata.gid() != group {
        Some("it is setgid")
    } else if user != 0 && system::has_capabilities(path) {
        Some("it has file capabilities")
    } else {
        None
    }
}

/// The program that a script's first line names; a text without such a line is the shell's.
fn interpreter(start: &[u8]) -> Result<PathBuf, &'static str> {
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or(b"");
    let Some(words) = line.strip_prefix(b"#!") else {
        // Shells take any text for a script, and a null byte for a sign that it is none.
        return match start.is_empty() || !line.contains(&0) {
            true => Ok(PathBuf::from("/bin/sh")),
            false => Err("it is neither a program for Linux nor a script"),
        };
    };
    let name = words
        .split(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        .find(|word| !word.is_empty())
        .ok_or("its first line names no interpreter")?;
    Ok(PathBuf::from(OsString::from_vec(name.to_vec())))
}

fn examine_elf(file: &File, start: &[u8]) -> Result<(), String> {
    let machine = start.get(18..20).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let is_native = start.get(4) == Some(&2) && start.get(5) == Some(&1) && machine == 62;
    if !is_native {
        return Err(format!("it is for another processor ({}), not x86-64", machine_name(start)));
    }
    let cache = ReadCache::new(file);
    let broken = |_| "it is a broken ELF file".to_string();
    let header = FileHeader64::<Endianness>::parse(&cache).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let segments = header.program_headers(endian, &cache).map_err(broken)?;
    if !matches!(header.e_type(endian), elf::ET_EXEC | elf::ET_DYN) {
        return Err("it is an ELF file, but no program".to_string());
    }
    let loader = segments.iter().find_map(|segment| segment.interpreter(endian, &cache).ok()?);
    match loader {
        Some(loader) if loader.windows(7).any(|part| part == b"ld-musl") => {
            Err("it is linked with musl, and Cairn's library needs glibc".to_string())
        }
        Some(_) => Ok(()),
        None if is_loader(segments, endian, &cache) => Ok(()),
        None => Err("it is statically linked, so no library can be preloaded into it; link it \
                     with libcairn.a instead"
            .to_string()),
    }
}

/// The dynamic loader itself is static too, but preloads for the program that it is given.
fn is_loader(
    segments: &[ProgramHeader64<Endianness>],
    endian: Endianness,
    cache: &ReadCache<&File>,
) -> bool {
    let dynamic = segments.iter().find_map(|segment| segment.dynamic(endian, cache).ok()?);
    dynamic.is_some_and(|entries| {
        let has = |tag: elf::DynamicTag| entries.iter().any(|entry| entry.d_tag(endian) == tag);
        has(elf::DT_SONAME) && !has(elf::DT_NEEDED) && !has(elf::DT_DEBUG)
    })
}

fn machine_name(start: &[u8]) -> String {
    let is_big = start.get(5) == Some(&2);
    let bytes = start.get(18..20).map_or([0, 0], |bytes| [bytes[0], bytes[1]]);
    let number = if is_big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
    match number {
        3 => "32-bit x86".to_string(),
        40 => "32-bit ARM".to_string(),
        62 => "x86-64 with 32-bit pointers".to_string(),
        183 => "64-bit ARM".to_string(),
        243 => "RISC-V".to_string(),
        21 => "64-bit POWER".to_string(),
        22 => "IBM Z".to_string(),
        other => format!("ELF machine {other}"),
    }
}

/// Whether the file is a shared library for this machine.
pub fn is_native_library(path: &Path) -> bool {
    let mut start = [0; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start[..6] == *b"\x7fELF\x02\x01" && start[16..20] == [3, 0, 62, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_name_their_interpreter() {
        let of = |text: &str| interpreter(text.as_bytes());
        assert_eq!(of("#!/bin/bash -e\nx"), Ok(PathBuf::from("/bin/bash")));
        assert_eq!(of("#! \t/usr/bin/env python3"), Ok(PathBuf::from("/usr/bin/env")));
        assert_eq!(of("echo x\n"), Ok(PathBuf::from("/bin/sh")));
        assert_eq!(of(""), Ok(PathBuf::from("/bin/sh")));
        assert!(of("#!\n").is_err());
        assert!(of("MZ\0\0").is_err());
    }

    #[test]
    fn a_dynamic_program_is_taken() {
        assert_eq!(examine(Path::new("/bin/ls")), Ok(()));
        let own = std::env::current_exe().unwrap();
        assert_eq!(examine(&own), Ok(()));
    }

    #[test]
    fn foreign_processors_have_names() {
        let mut start = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0";
        assert_eq!(machine_name(&start), "64-bit ARM");
        start[5] = 2;
        start[18..20].copy_from_slice(&[0, 22]);
        assert_eq!(machine_name(&start), "IBM Z");
    }
}
