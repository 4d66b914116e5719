//! The system calls that Rust's own library lacks.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

fn c_path(path: &Path) -> Option<CString> {
    CString::new(path.as_os_str().as_bytes()).ok()
}

/// Whether this user may execute the file.
pub fn may_execute(path: &Path) -> bool {
    let Some(path) = c_path(path) else { return false };
    // SAFETY: the path is a string with its null byte.
    unsafe { libc::access(path.as_ptr(), libc::X_OK) == 0 }
}

/// The user and group who started this process.
pub fn real_ids() -> (u32, u32) {
    // SAFETY: the calls only read, and can't fail.
    unsafe { (libc::getuid(), libc::getgid()) }
}

/// Whether the file stands where, or this process may only start programs as if, setuid and file
/// capabilities didn't exist.
pub fn ignores_privileges(path: &Path) -> bool {
    // SAFETY: the call only reads.
    if unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) } == 1 {
        return true;
    }
    let Some(path) = c_path(path) else { return false };
    let mut about = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path has its null byte, and the struct is written in full if the call succeeds.
    unsafe {
        libc::statvfs(path.as_ptr(), about.as_mut_ptr()) == 0
            && about.assume_init().f_flag & libc::ST_NOSUID != 0
    }
}

/// Whether the file gives capabilities to who runs it.
pub fn has_capabilities(path: &Path) -> bool {
    let Some(path) = c_path(path) else { return false };
    let name = c"security.capability";
    // SAFETY: both strings have their null byte; a size of 0 asks for the length only.
    unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), std::ptr::null_mut(), 0) > 0 }
}

/// A signal that came to this process.
pub struct Arrived {
    pub number: i32,
    /// Whether a process sent it to this one; else the terminal sent it to the whole group.
    pub is_sent: bool,
    pub sender: u32,
}

/// Signals that are read instead of being delivered.
pub struct Signals {
    descriptor: OwnedFd,
    before: libc::sigset_t,
}

impl Signals {
    /// From now on these signals wait to be read.
    pub fn hold(numbers: &[i32]) -> io::Result<Self> {
        let mut wanted = MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigemptyset writes the whole set, which the calls after it read; sigmask writes
        // the set of before, and its result says whether it did. The descriptor is a new one that
        // nobody else owns.
        unsafe {
            libc::sigemptyset(wanted.as_mut_ptr());
            for number in numbers {
                libc::sigaddset(wanted.as_mut_ptr(), *number);
            }
            let failed =
                libc::pthread_sigmask(libc::SIG_BLOCK, wanted.as_ptr(), before.as_mut_ptr());
            if failed != 0 {
                return Err(io::Error::from_raw_os_error(failed));
            }
            let descriptor =
                libc::signalfd(-1, wanted.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if descriptor < 0 {
                return Err(io::Error::last_os_error());
            }
            let descriptor = OwnedFd::from_raw_fd(descriptor);
            Ok(Self { descriptor, before: before.assume_init() })
        }
    }

    /// Has a command start with the signals as they were before.
    pub fn release_in(&self, command: &mut Command) {
        let before = self.before;
        // SAFETY: between fork and exec only this one call is made, which may be made there.
        unsafe {
            command.pre_exec(move || {
                match libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut()) {
                    0 => Ok(()),
                    error => Err(io::Error::from_raw_os_error(error)),
                }
            });
        }
    }

    /// The next signal that came, if one did.
    pub fn next(&self) -> Option<Arrived> {
        let mut about = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the descriptor is open, and the struct takes what is read into it; it is looked
        // at only if it was read in full.
        let about = unsafe {
            let read = libc::read(self.descriptor.as_raw_fd(), about.as_mut_ptr().cast(), size);
            if read != size as isize {
                return None;
            }
            about.assume_init()
        };
        Some(Arrived {
            number: about.ssi_signo as i32,
            is_sent: about.ssi_code <= 0,
            sender: about.ssi_pid,
        })
    }

    /// Sleeps until a signal comes, the watch has something, or the time is over.
    pub fn wait(&self, watch: Option<&Watch>, milliseconds: i32) {
        let entry = |descriptor: &OwnedFd| libc::pollfd {
            fd: descriptor.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let mut entries: Vec<libc::pollfd> =
            [Some(&self.descriptor), watch.map(|watch| &watch.descriptor)]
                .into_iter()
                .flatten()
                .map(entry)
                .collect();
        // SAFETY: the entries are as many as it is told, with open descriptors.
        unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, milliseconds) };
        if let Some(watch) = watch {
            watch.drain();
        }
    }
}

/// Tells when a file was written to.
pub struct Watch {
    descriptor: OwnedFd,
}

impl Watch {
    /// Watches a file; nothing if the system has no watch left.
    pub fn on(path: &Path) -> Option<Self> {
        let path = c_path(path)?;
        // SAFETY: the path has its null byte, and the descriptor is a new one that nobody owns.
        unsafe {
            let descriptor = libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK);
            if descriptor < 0 {
                return None;
            }
            let descriptor = OwnedFd::from_raw_fd(descriptor);
            let added =
                libc::inotify_add_watch(descriptor.as_raw_fd(), path.as_ptr(), libc::IN_MODIFY);
            (added >= 0).then_some(Self { descriptor })
        }
    }

    fn drain(&self) {
        let mut events = [0_u8; 4096];
        // SAFETY: the buffer is as long as it is told.
        while unsafe {
            libc::read(self.descriptor.as_raw_fd(), events.as_mut_ptr().cast(), events.len())
        } > 0
        {}
    }
}

/// Whether a process other than this one has the file open for writing. A file system that can't
/// tell has none: then only the program itself is waited for.
pub fn is_open_elsewhere(file: &File) -> bool {
    let descriptor = file.as_raw_fd();
    // SAFETY: the calls touch no memory. A lease to write is given to who has the file alone; it is
    // given back at once.
    unsafe {
        if libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_WRLCK) == 0 {
            libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_UNLCK);
            return false;
        }
    }
    io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN)
}

/// Which of two equal processes this one is.
pub enum Copy {
    First,
    Second,
}

/// Makes a copy of this process, which must have one thread only. The copy has no input, and no
/// output but for errors.
pub fn split() -> io::Result<Copy> {
    // SAFETY: with one thread, a copy is as good as the process.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            if let Ok(nothing) = File::options().read(true).write(true).open("/dev/null") {
                for number in [libc::STDIN_FILENO, libc::STDOUT_FILENO] {
                    // SAFETY: puts an open file under the number.
                    unsafe { libc::dup2(nothing.as_raw_fd(), number) };
                }
            }
            Ok(Copy::Second)
        }
        _ => Ok(Copy::First),
    }
}

/// Sends a signal to a process.
pub fn send(pid: u32, number: i32) {
    // SAFETY: the call touches no memory. A process that is gone takes no signal.
    unsafe { libc::kill(pid as i32, number) };
}

/// Ends this process by a signal, as the program ended, without a core file of its own.
pub fn die_of(number: i32) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the limit and the set are as the calls want them; the last call may not return.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &none);
        libc::signal(number, libc::SIG_DFL);
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), number);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), std::ptr::null_mut());
        libc::raise(number);
    }
}

/// The descriptor with this number, if it is open.
pub fn opened(number: i32) -> io::Result<File> {
    // SAFETY: the call only asks whether the descriptor is open.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the copy is a new descriptor that nobody else owns.
    Ok(unsafe { File::from_raw_fd(copy) })
}
