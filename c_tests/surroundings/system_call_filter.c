// Seccomp filters that stand before the process starts (the filter is set, then the program is
// executed again): one kills at getrandom and prctl, as sandboxes do; one at every call that isn't
// on a list; one plays an older kernel, which doesn't know the newer calls.

#include "../checks.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define SKIP_UNLESS_EQUAL(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))

enum { FIRST_NEW_ADVICE = 22, LAST_OLD_ADVICE_OF_HWPOISON = 101, MREMAP_DONTUNMAP_BIT = 4 };

static void run_again_as(const char *part, struct sock_filter *instructions, unsigned short count)
{
    struct sock_fprog filter = {count, instructions};
    REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        skip_check("seccomp filters are not allowed here");
    execl("/proc/self/exe", "system_call_filter", part, (char *)NULL);
    FAIL("exec: errno %d", errno);
}

static void killed_at_getrandom_and_prctl(void)
{
    only_on_cairn("glibc's own malloc calls getrandom when it starts");
    struct sock_filter instructions[] = {
        LOAD(nr),
        SKIP_UNLESS_EQUAL(SYS_getrandom, 1),
        ANSWER(SECCOMP_RET_KILL_PROCESS),
        SKIP_UNLESS_EQUAL(SYS_prctl, 1),
        ANSWER(SECCOMP_RET_KILL_PROCESS),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    run_again_as("filtered", instructions, sizeof instructions / sizeof instructions[0]);
}

static void killed_at_prctl(void)
{
    struct sock_filter instructions[] = {
        LOAD(nr),
        SKIP_UNLESS_EQUAL(SYS_prctl, 1),
        ANSWER(SECCOMP_RET_KILL_PROCESS),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    run_again_as("filtered", instructions, sizeof instructions / sizeof instructions[0]);
}

// What a program with threads needs to be loaded and to run, and for memory nothing but mmap, munmap,
// mprotect, mremap, madvise and a question for its limits. Whatever else is called ends the process.
static void killed_at_all_but_a_list(void)
{
    only_on_cairn("glibc's own malloc calls getrandom and brk");
    static const unsigned listed[] = {
        SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_prlimit64,
        // The loader, and the start and the end of a process.
        SYS_execve, SYS_brk, SYS_access, SYS_openat, SYS_read, SYS_pread64, SYS_newfstatat,
        SYS_close, SYS_arch_prctl, SYS_set_tid_address, SYS_write, SYS_exit_group,
        // Threads.
        SYS_set_robust_list, SYS_rseq, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_clone, SYS_clone3,
        SYS_futex, SYS_exit,
    };
    enum { LISTED = sizeof listed / sizeof listed[0] };
    struct sock_filter instructions[2 * LISTED + 2] = {LOAD(nr)};
    for (unsigned short i = 0; i < LISTED; i++) {
        struct sock_filter compare = SKIP_UNLESS_EQUAL(listed[i], 1);
        struct sock_filter allow = ANSWER(SECCOMP_RET_ALLOW);
        instructions[2 * i + 1] = compare;
        instructions[2 * i + 2] = allow;
    }
    struct sock_filter kill = ANSWER(SECCOMP_RET_KILL_PROCESS);
    instructions[2 * LISTED + 1] = kill;
    run_again_as("filtered", instructions, sizeof instructions / sizeof instructions[0]);
}

// EINVAL for madvise with MADV_POPULATE_* (5.14), MADV_GUARD_* (6.13) and their like, and for
// MREMAP_DONTUNMAP (5.7); ENOSYS for process_madvise (5.10).
static void on_an_older_kernel(void)
{
    struct sock_filter instructions[] = {
        LOAD(nr),
        SKIP_UNLESS_EQUAL(SYS_process_madvise, 1),
        ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
        SKIP_UNLESS_EQUAL(SYS_madvise, 5),
        LOAD(args[2]),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_NEW_ADVICE, 0, 1),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LAST_OLD_ADVICE_OF_HWPOISON, 0, 1),
        ANSWER(SECCOMP_RET_ALLOW),
        ANSWER(SECCOMP_RET_ERRNO | EINVAL),
        SKIP_UNLESS_EQUAL(SYS_mremap, 3),
        LOAD(args[3]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MREMAP_DONTUNMAP_BIT, 0, 1),
        ANSWER(SECCOMP_RET_ERRNO | EINVAL),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    run_again_as("filtered", instructions, sizeof instructions / sizeof instructions[0]);
}

static void *work(void *unused)
{
    for (size_t size_bytes = 1; size_bytes < (size_t)8 << 20; size_bytes = size_bytes * 3 / 2 + 1) {
        void *block = malloc(size_bytes), *zeros = calloc(1, size_bytes);
        if (!block || !zeros)
            _exit(3);
        memset(block, 1, size_bytes);
        block = realloc(block, size_bytes * 2);
        if (!block)
            _exit(4);
        free(block);
        free(zeros);
    }
    return unused;
}

// The part that runs under the filter, without the frame of checks: its status is the check's.
static int run_filtered(void)
{
    pthread_t thread;
    work(NULL);
    if (pthread_create(&thread, NULL, work, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 5;
    malloc_trim(0);
    work(NULL);
    return 0;
}

static const struct check table[] = {
    CHECK(killed_at_getrandom_and_prctl),
    CHECK(killed_at_prctl),
    CHECK(killed_at_all_but_a_list),
    CHECK(on_an_older_kernel),
};

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "filtered") == 0)
        return run_filtered();
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
