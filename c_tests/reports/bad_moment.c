// Faults at a bad moment: other threads allocate heavily, the library's locks are taken for a fork,
// stdio is locked, stderr is full or closed, the program catches SIGABRT and allocates. The report
// must come where it can, and the end always: never a hang.

#include "reports.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4 };

static void double_free(void)
{
    void *block = opaque_pointer(malloc(100)), *hidden = opaque_pointer(block);
    free(block);
    expect("free(%p): double free of a block of 112 bytes", hidden);
    free(hidden);
}

static void *allocate_for_ever(void *started)
{
    static void *blocks[THREADS + 1][2000];
    int own = atomic_fetch_add((atomic_int *)started, 1);
    for (unsigned i = 0;;
         i++) { // spills over every cache, so that the locks are taken all the time
        free(blocks[own][i % 2000]);
        blocks[own][i % 2000] = malloc(i % 100 == 0 ? 400000 : i * 31 % 5000 + 1);
    }
    return NULL;
}

static void start_allocating_threads(void)
{
    static atomic_int started;
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, allocate_for_ever, &started) == 0);
    }
    while (started < THREADS)
        ;
}

// Other threads could take the freed block between the two frees, so the fault is one that nobody
// can mend.
static void free_inside_own_block(void)
{
    char *block = opaque_pointer(malloc(400)), *inside = opaque_pointer(block + 16);
    expect("free(%p): invalid pointer, 16 bytes into the live block %p of 400 bytes",
           (void *)inside, (void *)block);
    free(inside);
}

FAULT(while_other_threads_allocate)
{
    start_allocating_threads();
    usleep(20000); // so that they are in the middle of it; nothing depends on how long
    free_inside_own_block();
}

static void *commit_in_thread(void *unused)
{
    free_inside_own_block();
    return unused;
}

FAULT(in_a_thread_while_others_allocate)
{
    pthread_t thread;
    start_allocating_threads();
    pthread_create(&thread, NULL, commit_in_thread, NULL);
    allocate_for_ever(&(atomic_int){THREADS}); // with blocks of its own
}

// Two threads at fault at the same moment: each may say its line, one alone must end the process.
static void two_threads_at_once(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, commit_in_thread, NULL);
    free_inside_own_block();
}

static void check_two_threads_at_once(void)
{
    require_abort(two_threads_at_once);
}

// Registered before any constructor, so it runs when the library's own prepare handler has taken
// its locks.
static void (*in_prepare)(void), (*in_child)(void);

static void call_in_prepare(void)
{
    if (in_prepare)
        in_prepare();
}

static void call_in_child(void)
{
    if (in_child) {
        alarm(20); // an alarm isn't inherited, and a child that hangs would hold the pipe for ever
        in_child();
    }
}

static void register_early(void)
{
    pthread_atfork(call_in_prepare, NULL, call_in_child);
}

__attribute__((section(".preinit_array"), used)) static void (*const hook)(void) = register_early;

FAULT(while_the_locks_are_taken_for_a_fork)
{
    in_prepare = free_inside_own_block;
    if (fork() == 0)
        _exit(0);
}

static void fork_and_fault_in_child(void)
{
    int status = 0;
    in_child = free_inside_own_block;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, &status, 0);
    in_child = NULL;
    if (WIFSIGNALED(status)) // passes the child's end on
        raise(WTERMSIG(status));
}

FAULT(in_the_child_of_a_fork_among_threads)
{
    start_allocating_threads();
    fork_and_fault_in_child();
}

FAULT(while_stdio_is_locked)
{
    flockfile(stderr);
    flockfile(stdout);
    double_free();
}

static void allocate_in_handler(int signal)
{
    for (int i = 0; i < 1000; i++)
        free(malloc((size_t)(i * 100 + signal)));
}

FAULT(with_a_sigabrt_handler_that_allocates)
{
    signal(SIGABRT, allocate_in_handler);
    double_free();
}

FAULT(with_sigabrt_ignored)
{
    signal(SIGABRT, SIG_IGN);
    double_free();
}

FAULT(with_sigabrt_blocked)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGABRT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    double_free();
}

static void in_signal_handler(int signal)
{
    (void)signal;
    double_free();
}

FAULT(in_a_signal_handler)
{
    signal(SIGUSR1, in_signal_handler);
    raise(SIGUSR1);
}

static void with_stderr_closed(void)
{
    close(STDERR_FILENO);
    double_free();
}

static void with_stderr_full(void)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_NONBLOCK) == 0);
    while (write(ends[1], "full", 4) > 0)
        ;
    dup2(ends[1], STDERR_FILENO);
    double_free();
}

static void with_stderrs_reader_gone(void)
{
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    double_free();
}

static void check_with_stderr_closed(void)
{
    require_abort(with_stderr_closed);
}

static void check_with_stderr_full(void)
{
    require_abort(with_stderr_full);
}

static void check_with_stderrs_reader_gone(void)
{
    require_abort(with_stderrs_reader_gone);
}

DEFINE_TABLE(bad_moment_checks, ENTRY(while_other_threads_allocate),
             ENTRY(in_a_thread_while_others_allocate), ENTRY(two_threads_at_once),
             ENTRY(while_the_locks_are_taken_for_a_fork),
             ENTRY(in_the_child_of_a_fork_among_threads), ENTRY(while_stdio_is_locked),
             ENTRY(with_a_sigabrt_handler_that_allocates), ENTRY(with_sigabrt_ignored),
             ENTRY(with_sigabrt_blocked), ENTRY(in_a_signal_handler), ENTRY(with_stderr_closed),
             ENTRY(with_stderr_full), ENTRY(with_stderrs_reader_gone));
