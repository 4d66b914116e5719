// Runs a program that is stopped at each of its system calls; counts those that the tested library
// makes for memory (mmap, munmap, mprotect, mremap, madvise), or those that the C library makes to
// create threads, and refuses the ones of a plan. Only so can it be done: the library makes its
// system calls itself, not through libc.

#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

// Calls from the `first` to the `last` fail, those for memory with ENOMEM, those for threads with
// EAGAIN; they are counted from 1. None does if `first` is 0.
struct plan {
    long first, last;
    rlim_t address_space_bytes; // the program's RLIMIT_AS from its start; 0: none
    bool refuses_threads;       // the calls are those to create threads
};

enum { WINDOWS_MOST = 256 };

struct outcome {
    int status;           // as waitpid gives it
    long calls, refused;  // those of the plan, until MARK_MEMORY_IS_BACK
    char refused_names[128];
    char said[1024];      // what the program wrote to stderr
    int windows;          // see MARK_WINDOW
    long system_calls[WINDOWS_MOST];
};

// What a traced program tells its tracer, by a prctl that the kernel doesn't know.
enum mark {
    MARK_MEMORY_IS_BACK, // from here on nothing is refused or counted
    MARK_WINDOW,         // from here on all system calls are counted in the next window
};

void make_mark(enum mark mark);

// The library is the one whose path contains `library`.
void run_traced(char *const *argv, const char *library, const struct plan *plan,
                struct outcome *outcome);

#endif
