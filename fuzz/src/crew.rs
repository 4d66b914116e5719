//! Threads that make one call after the other, each when it is told to: a script decides which
//! thread calls when, so a run can be repeated.

use std::ffi::c_void;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// A call of the C interface. Addresses are those of live blocks, or null.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Call {
    Malloc { size: usize },
    Calloc { count: usize, size: usize },
    AlignedAlloc { alignment: usize, size: usize },
    PosixMemalign { alignment: usize, size: usize },
    Realloc { address: usize, size: usize },
    ReallocArray { address: usize, count: usize, size: usize },
    Free { address: usize },
    FreeSized { address: usize, size: usize },
    FreeAlignedSized { address: usize, alignment: usize, size: usize },
    Trim,
}

extern "C" {
    fn free_sized(address: *mut c_void, size: usize);
    fn free_aligned_sized(address: *mut c_void, alignment: usize, size: usize);
}

impl Call {
    /// Makes the call; returns the block's address, or 0. Panics if errno changes in spite of
    /// success.
    fn make(self) -> usize {
        const UNTOUCHED: i32 = 1234;
        // SAFETY: errno is the thread's own; the addresses are as promised above, and the model
        // that gave a block up doesn't use it again.
        unsafe {
            *libc::__errno_location() = UNTOUCHED;
            let result = match self {
                Self::Malloc { size } => libc::malloc(size),
                Self::Calloc { count, size } => libc::calloc(count, size),
                Self::AlignedAlloc { alignment, size } => libc::aligned_alloc(alignment, size),
                Self::PosixMemalign { alignment, size } => {
                    let mut block = std::ptr::null_mut();
                    match libc::posix_memalign(&mut block, alignment, size) {
                        0 => block,
                        _ => std::ptr::null_mut(),
                    }
                }
                Self::Realloc { address, size } => libc::realloc(address as *mut c_void, size),
                Self::ReallocArray { address, count, size } => {
                    libc::reallocarray(address as *mut c_void, count, size)
                }
                Self::Free { .. } | Self::FreeSized { .. } | Self::FreeAlignedSized { .. } => {
                    self.free();
                    std::ptr::null_mut()
                }
                Self::Trim => {
                    libc::malloc_trim(0);
                    std::ptr::null_mut()
                }
            };
            if !result.is_null() || matches!(self, Self::Free { .. }) {
                assert_eq!(*libc::__errno_location(), UNTOUCHED, "{self:?} changed errno");
            }
            result as usize
        }
    }

    /// # Safety
    /// The block must be alive, and nothing may use it any more.
    unsafe fn free(self) {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Self::FreeSized { address, size } => free_sized(address as *mut c_void, size),
                Self::FreeAlignedSized { address, alignment, size } => {
                    free_aligned_sized(address as *mut c_void, alignment, size)
                }
                Self::Free { address } => libc::free(address as *mut c_void),
                _ => {}
            }
        }
    }
}

/// What a member is to do, or has done.
enum Task {
    Rest,
    Make(Call),
    Done(usize),
    End,
}

/// Handing a task over allocates nothing, so a member that has made its call is at rest.
#[derive(Clone)]
struct Desk(Arc<(Mutex<Task>, Condvar)>);

impl Desk {
    fn put(&self, task: Task) {
        let (place, change) = &*self.0;
        *place.lock().expect("nobody panics with the desk") = task;
        change.notify_all();
    }

    /// Waits for a task of which `choose` makes something.
    fn wait<T>(&self, choose: impl Fn(&Task) -> Option<T>) -> T {
        let (place, change) = &*self.0;
        let mut task = place.lock().expect("nobody panics with the desk");
        loop {
            if let Some(chosen) = choose(&task) {
                *task = Task::Rest;
                return chosen;
            }
            task = change.wait(task).expect("nobody panics with the desk");
        }
    }
}

struct Member {
    desk: Desk,
    thread: JoinHandle<()>,
}

impl Member {
    fn new() -> Self {
        let desk = Desk(Arc::new((Mutex::new(Task::Rest), Condvar::new())));
        let there = desk.clone();
        let next = |task: &Task| match task {
            Task::Make(call) => Some(Some(*call)),
            Task::End => Some(None),
            Task::Rest | Task::Done(_) => None,
        };
        let thread = std::thread::spawn(move || {
            while let Some(call) = there.wait(next) {
                there.put(Task::Done(call.make()));
            }
        });
        Self { desk, thread }
    }

    fn make(&self, call: Call) -> usize {
        self.desk.put(Task::Make(call));
        self.desk.wait(|task| match task {
            Task::Done(result) => Some(*result),
            _ => None,
        })
    }

    fn end(self) {
        self.desk.put(Task::End);
        self.thread.join().expect("a member of the crew panicked");
    }
}

/// The threads; number 0 is the one that has the crew.
#[derive(Default)]
pub struct Crew {
    members: [Option<Member>; Crew::SIZE - 1],
}

impl Crew {
    /// How many threads there are.
    pub const SIZE: usize = 4;

    /// One, on a single processor: one thread runs at a time, and the next one starts sooner there.
    pub fn new() -> Self {
        // SAFETY: a set of processors is an array of words, for which zero is the empty set.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(libc::sched_getcpu().max(0) as usize, &mut set);
            libc::sched_setaffinity(0, size_of_val(&set), &set);
        }
        Self::default()
    }

    /// Lets a thread make a call, and waits for the result.
    pub fn call(&mut self, thread: usize, call: Call) -> usize {
        let Some(index) = thread.checked_sub(1) else { return call.make() };
        let member = self.members[index].get_or_insert_with(Member::new);
        member.make(call)
    }

    /// Ends a thread; its next call is made by a new one.
    pub fn replace(&mut self, thread: usize) {
        if let Some(member) = thread.checked_sub(1).and_then(|index| self.members[index].take()) {
            member.end();
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        (0..Self::SIZE).for_each(|thread| self.replace(thread));
    }
}
