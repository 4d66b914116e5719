// See trace.h.

#include "trace.h"

#include "../checks.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MARK = 0x43616972 };

struct trace {
    const char *library;
    const struct plan *plan;
    struct outcome *outcome;
    uint64_t code_start, code_end; // of the library, once it is mapped
    bool memory_is_back;
    bool has_new_stack; // the C library has asked for one, and its next mprotect is for that
};

void make_mark(enum mark mark)
{
    int error = errno;
    prctl(MARK, mark, 0, 0, 0);
    errno = error;
}

static const char *name_for_memory(uint64_t number)
{
    switch (number) {
    case SYS_mmap: return "mmap";
    case SYS_munmap: return "munmap";
    case SYS_mprotect: return "mprotect";
    case SYS_mremap: return "mremap";
    case SYS_madvise: return "madvise";
    default: return NULL;
    }
}

// What the C library asks for to create a thread, or null: a stack, access to it, the thread itself.
static const char *name_for_thread(struct trace *trace, const struct __ptrace_syscall_info *info)
{
    bool had_new_stack = trace->has_new_stack;
    switch (info->entry.nr) {
    case SYS_mmap:
        trace->has_new_stack = info->entry.args[3] & MAP_STACK;
        return trace->has_new_stack ? "mmap" : NULL;
    case SYS_mprotect: trace->has_new_stack = false; return had_new_stack ? "mprotect" : NULL;
    case SYS_clone:
    case SYS_clone3: return "clone";
    default: return NULL;
    }
}

static void find_library(struct trace *trace, pid_t program)
{
    char path[64], line[512], rights[8];
    uint64_t start, end;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)program);
    FILE *maps = fopen(path, "r");
    REQUIRE(maps != NULL);
    while (fgets(line, sizeof line, maps))
        if (strstr(line, trace->library) && strchr(line, 'x') &&
            sscanf(line, "%lx-%lx %7s", &start, &end, rights) == 3 && strchr(rights, 'x')) {
            trace->code_start = start;
            trace->code_end = end;
        }
    fclose(maps);
}

static bool is_from_library(struct trace *trace, pid_t thread, uint64_t address)
{
    if (trace->code_end == 0)
        find_library(trace, thread);
    return trace->code_start <= address && address < trace->code_end;
}

static void take_mark(struct trace *trace, uint64_t mark)
{
    if (mark == MARK_MEMORY_IS_BACK)
        trace->memory_is_back = true;
    else
        REQUIRE(++trace->outcome->windows < WINDOWS_MOST);
}

static void refuse(struct outcome *outcome, pid_t thread, const char *name)
{
    struct user_regs_struct registers;
    REQUIRE(ptrace(PTRACE_GETREGS, thread, NULL, &registers) == 0);
    registers.orig_rax = (uint64_t)-1; // no system call has that number
    REQUIRE(ptrace(PTRACE_SETREGS, thread, NULL, &registers) == 0);
    outcome->refused++;
    size_t used = strlen(outcome->refused_names);
    if (outcome->refused <= 4)
        snprintf(outcome->refused_names + used, sizeof outcome->refused_names - used, " %s", name);
}

static void at_entry(struct trace *trace, pid_t thread, const struct __ptrace_syscall_info *info)
{
    struct outcome *outcome = trace->outcome;
    if (info->entry.nr == SYS_prctl && info->entry.args[0] == MARK) {
        take_mark(trace, info->entry.args[1]);
        return;
    }
    outcome->system_calls[outcome->windows]++;
    if (trace->memory_is_back)
        return;
    const char *name = trace->plan->refuses_threads ? name_for_thread(trace, info)
                                                    : name_for_memory(info->entry.nr);
    if (!name || (!trace->plan->refuses_threads &&
                  !is_from_library(trace, thread, info->instruction_pointer)))
        return;
    long call = ++outcome->calls;
    if (trace->plan->first != 0 && trace->plan->first <= call && call <= trace->plan->last)
        refuse(outcome, thread, name);
}

// Of both the kernel says that it is short: a thread is one too many, memory has run out.
static void at_exit(const struct trace *trace, pid_t thread,
                    const struct __ptrace_syscall_info *info)
{
    struct user_regs_struct registers;
    if (info->exit.rval != -ENOSYS)
        return;
    REQUIRE(ptrace(PTRACE_GETREGS, thread, NULL, &registers) == 0);
    if (registers.orig_rax != (uint64_t)-1)
        return;
    registers.rax = (uint64_t)(trace->plan->refuses_threads ? -EAGAIN : -ENOMEM);
    REQUIRE(ptrace(PTRACE_SETREGS, thread, NULL, &registers) == 0);
}

// Returns the signal with which the thread goes on.
static int at_stop(struct trace *trace, pid_t thread, int status)
{
    struct __ptrace_syscall_info info;
    int signal = WSTOPSIG(status);
    if (signal == SIGSTOP || status >> 16 != 0) // a new thread's first stop; a new program
        return 0;
    if (signal != (SIGTRAP | 0x80))
        return signal;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0)
        return 0; // killed meanwhile
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
        at_entry(trace, thread, &info);
    else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
        at_exit(trace, thread, &info);
    return 0;
}

static void be_traced(char *const *argv, const struct plan *plan, int errors)
{
    struct rlimit limit = {plan->address_space_bytes, plan->address_space_bytes};
    if (plan->address_space_bytes != 0 && setrlimit(RLIMIT_AS, &limit) != 0)
        _exit(120);
    if (dup2(errors, STDERR_FILENO) < 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(121);
    raise(SIGSTOP);
    execv(argv[0], argv);
    _exit(122);
}

void run_traced(char *const *argv, const char *library, const struct plan *plan,
                struct outcome *outcome)
{
    struct trace trace = {.library = library, .plan = plan, .outcome = outcome};
    memset(outcome, 0, sizeof *outcome);
    int status, errors = memfd_create("stderr", MFD_CLOEXEC);
    REQUIRE(errors >= 0);
    pid_t program = fork();
    REQUIRE(program >= 0);
    if (program == 0)
        be_traced(argv, plan, errors);
    REQUIRE(waitpid(program, &status, 0) == program && WIFSTOPPED(status));
    const long options =
        PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    REQUIRE(ptrace(PTRACE_SETOPTIONS, program, NULL, options) == 0);
    REQUIRE(ptrace(PTRACE_SYSCALL, program, NULL, NULL) == 0);
    for (;;) {
        pid_t thread = waitpid(-1, &status, __WALL);
        REQUIRE(thread > 0);
        if (thread == program && !WIFSTOPPED(status))
            break;
        if (WIFSTOPPED(status))
            ptrace(PTRACE_SYSCALL, thread, NULL, (long)at_stop(&trace, thread, status));
    }
    outcome->status = status;
    REQUIRE(pread(errors, outcome->said, sizeof outcome->said - 1, 0) >= 0);
    close(errors);
}
