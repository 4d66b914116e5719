// Two threads free one block at the same time. One is stopped before each instruction of its free
// in turn, by the processor's trap flag, while the other frees the block: that is every way in which
// the two can meet at a block's ledger byte. Each ends in the report of a double free, or without
// an effect: no two blocks that the threads get afterwards overlap.

#include "attacks.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { TRAP_FLAG = 0x100, BLOCKS = 400, STEPS_MOST = 1500, PAUSES = 100, STATUS_NOT_REACHED = 99 };
// Slow paths are sampled.
enum { STEPS_OF_A_HIT = 60 };
enum phase { WAIT, FREE, FREED, ALLOCATE, ALLOCATED };

static _Atomic enum phase phase;
static void *victim;
static size_t block_bytes;
static int stop_at, seen;
static char *first[BLOCKS], *second[BLOCKS];

static void reach(enum phase wanted)
{
    while (phase != wanted)
        sched_yield();
}

static void take_blocks(char **blocks)
{
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(block_bytes);
}

static void *other_thread(void *unused)
{
    take_blocks(second);
    for (int i = 0; i < BLOCKS; i++)
        free(second[i]);
    phase = WAIT;
    reach(FREE);
    free(victim);
    phase = FREED;
    reach(ALLOCATE);
    take_blocks(second);
    phase = ALLOCATED;
    return unused;
}

static void on_step(int signal, siginfo_t *information, void *context)
{
    (void)signal, (void)information;
    if (seen++ != stop_at)
        return;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
    phase = FREE;
    // In a slow path this thread may have a lock that the other one waits for.
    for (int pause = 0; pause < PAUSES && phase != FREED; pause++)
        usleep(100);
}

static int by_address(const void *left, const void *right)
{
    const char *a = *(char *const *)left, *b = *(char *const *)right;
    return (a > b) - (a < b);
}

static void require_apart(void)
{
    static char *all[2 * BLOCKS];
    memcpy(all, first, sizeof first);
    memcpy(all + BLOCKS, second, sizeof second);
    qsort(all, 2 * BLOCKS, sizeof *all, by_address);
    for (int i = 1; i < 2 * BLOCKS; i++)
        if (all[i] < all[i - 1] + block_bytes)
            FAIL("%zu bytes, step %d: %p and %p overlap", block_bytes, stop_at, (void *)all[i - 1],
                 (void *)all[i]);
}

static void race(bool ends_between)
{
    pthread_t other;
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    phase = ALLOCATED;
    take_blocks(first);
    REQUIRE(pthread_create(&other, NULL, other_thread, NULL) == 0);
    reach(WAIT);
    victim = opaque_pointer(first[BLOCKS / 2]);
    for (int i = 0; i < BLOCKS; i++)
        if (first[i] != victim)
            free(first[i]);
    REQUIRE(sigaction(SIGTRAP, &action, NULL) == 0);
    __asm__ volatile("pushf; orl %0, (%%rsp); popf" ::"i"(TRAP_FLAG) : "memory", "cc");
    free(victim);
    __asm__ volatile("pushf; andl %0, (%%rsp); popf" ::"i"(~TRAP_FLAG) : "memory", "cc");
    if (seen <= stop_at)
        _exit(STATUS_NOT_REACHED);
    reach(FREED);
    if (!ends_between)
        take_blocks(first);
    phase = ALLOCATE;
    reach(ALLOCATED);
    if (ends_between) {
        pthread_join(other, NULL);
        take_blocks(first);
    }
    require_apart();
    _exit(0);
}

// Runs each race in a process of its own.
static void race_everywhere(size_t size_bytes)
{
    int status = 0, reports = 0;
    only_on_cairn("glibc gives the block out twice");
    block_bytes = size_bytes;
    for (stop_at = 0; stop_at < STEPS_MOST; stop_at += stop_at < STEPS_OF_A_HIT ? 1 : 31) {
        pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            REQUIRE(freopen("/dev/null", "w", stderr) != NULL);
            alarm(30);
            race(stop_at % 2);
        }
        REQUIRE(waitpid(child, &status, 0) == child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOT_REACHED)
            break;
        reports += WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
        if (status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT))
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 3); // the child has said why
    }
    REQUIRE(stop_at > 20 && reports > 0);
}

static void check_two_threads_free_a_tiny_block(void)
{
    race_everywhere(32);
}

static void check_two_threads_free_a_fine_block(void)
{
    race_everywhere(100);
}

static void check_two_threads_free_a_coarse_block(void)
{
    if (!is_hardened())
        skip_check("by default it may be handed out twice: see SECURITY.md");
    race_everywhere(2000);
}

DEFINE_TABLE(racing_free_attacks, ENTRY(two_threads_free_a_tiny_block),
             ENTRY(two_threads_free_a_fine_block), ENTRY(two_threads_free_a_coarse_block));
