//! Addresses of real files: lines, inlined functions, separate debug information, and files that
//! are gone or others now.

use crate::record::Module;
use crate::symbols::{self, debug_file, Files, Frame};
use object::{Object, ObjectSymbol};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use tempfile::TempDir;

const SOURCE: &str = "\
__attribute__((noinline)) void leaf(volatile int *p) { *p = 1; }
static inline __attribute__((always_inline)) void inlined(volatile int *p)
{
    leaf(p);
    *p = 2;
}
void outer(volatile int *p)
{
    inlined(p);
}
int main(void) { int x; outer(&x); return x; }
";

struct Compiled {
    folder: TempDir,
    program: PathBuf,
}

fn compile(flags: &[&str]) -> Compiled {
    let folder = TempDir::new().unwrap();
    let source = folder.path().join("source.c");
    let program = folder.path().join("program");
    std::fs::write(&source, SOURCE).unwrap();
    let flags = flags.iter().chain(&["-O1", "-g", "-Wl,--build-id"]);
    run(Command::new("gcc").args(flags).arg(&source).arg("-o").arg(&program));
    Compiled { folder, program }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The address of a function's start as the file knows it, and the file's build id.
fn function(program: &Path, name: &str) -> (u64, String) {
    let bytes = std::fs::read(program).unwrap();
    let object = object::File::parse(bytes.as_slice()).unwrap();
    let symbol = object.symbols().find(|symbol| symbol.name() == Ok(name)).unwrap();
    (symbol.address(), debug_file::hex(object.build_id().unwrap().unwrap()))
}

fn name(program: &Path, build_id: &str, address: u64) -> Vec<Frame> {
    let bias = 0x5555_0000_0000;
    let module = Module {
        start: bias,
        end: bias + (1 << 30),
        bias,
        build_id: Some(build_id.to_string()),
        path: program.to_str().unwrap().to_string(),
    };
    symbols::stack(&mut Files::default(), &Rc::new(vec![module]), &[bias + address], true)
}

/// The frames at the first instruction of `outer` that comes from the inlined function.
fn inlined_frames(program: &Path, build_id: &str, start: u64) -> Vec<Frame> {
    (start..start + 64)
        .map(|address| name(program, build_id, address))
        .find(|frames| frames.len() == 2)
        .expect("something is inlined")
}

fn line(frame: &Frame) -> (&str, &str, u32) {
    let file = frame.file.as_ref().and_then(|file| file.file_name()).unwrap();
    (frame.symbol.as_deref().unwrap(), file.to_str().unwrap(), frame.line.unwrap())
}

#[test]
fn lines_and_inlined_functions_are_named() {
    for flags in [&["-fPIE", "-pie"][..], &["-no-pie"], &["-gz"]] {
        let compiled = compile(flags);
        let (leaf, build_id) = function(&compiled.program, "leaf");
        assert_eq!(line(&name(&compiled.program, &build_id, leaf)[0]), ("leaf", "source.c", 1));
        let (outer, _) = function(&compiled.program, "outer");
        let frames = inlined_frames(&compiled.program, &build_id, outer);
        assert_eq!(line(&frames[0]).0, "inlined");
        assert_eq!(line(&frames[1]), ("outer", "source.c", 9));
        assert!(frames[0].is_inlined && !frames[1].is_inlined);
    }
}

#[test]
fn debug_information_that_stands_apart_is_found() {
    let compiled = compile(&[]);
    let (leaf, build_id) = function(&compiled.program, "leaf");
    let debug = compiled.folder.path().join("program.debug");
    let objcopy = || Command::new("objcopy");
    run(objcopy().arg("--only-keep-debug").arg(&compiled.program).arg(&debug));
    run(objcopy().args(["--strip-all"]).arg(&compiled.program));
    assert!(name(&compiled.program, &build_id, leaf)[0].symbol.is_none(), "nothing to find yet");
    let link = format!("--add-gnu-debuglink={}", debug.display());
    run(objcopy().arg(link).arg(&compiled.program));
    assert_eq!(line(&name(&compiled.program, &build_id, leaf)[0]), ("leaf", "source.c", 1));
    let apart = compiled.folder.path().join(".debug");
    std::fs::create_dir(&apart).unwrap();
    std::fs::rename(&debug, apart.join("program.debug")).unwrap();
    assert_eq!(line(&name(&compiled.program, &build_id, leaf)[0]), ("leaf", "source.c", 1));
}

#[test]
fn without_debug_information_the_symbol_is_left() {
    let compiled = compile(&[]);
    let (leaf, build_id) = function(&compiled.program, "leaf");
    run(Command::new("objcopy").arg("--strip-debug").arg(&compiled.program));
    let frames = name(&compiled.program, &build_id, leaf);
    assert_eq!(frames[0].symbol.as_deref(), Some("leaf"));
    assert_eq!((frames[0].line, frames[0].file.as_ref()), (None, None));
}

#[test]
fn a_file_that_is_gone_or_another_one_names_nothing() {
    let compiled = compile(&[]);
    let (leaf, build_id) = function(&compiled.program, "leaf");
    for (program, id) in
        [(&compiled.program, "00112233"), (&compiled.folder.path().join("gone"), &*build_id)]
    {
        let frames = name(program, id, leaf);
        assert_eq!(frames.len(), 1);
        assert!(frames[0].symbol.is_none() && frames[0].line.is_none());
        assert_eq!(frames[0].module.as_ref().unwrap().offset, leaf);
    }
}
