// Two threads free one block at the same time. One is stopped before each instruction of its free
// in turn, by the processor's trap flag, while the other frees the block: that is every way in which
// the two can meet at a block's ledger byte. Each ends in the report of a double free, or without
// an effect: no two blocks that the threads get afterwards overlap; nor does one of another size
// when one thread has got the block and everything else was given back.

#include "attacks.h"

#include <malloc.h>
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

enum { TRAP_FLAG = 0x100, BLOCKS_MOST = 400, STEPS_MOST = 1500, PAUSES = 100 };
enum { STATUS_NOT_REACHED = 99 };
// Slow paths are sampled.
enum { STEPS_OF_A_HIT = 60 };
enum phase { WAIT, FREE, FREED, ALLOCATE, ALLOCATED };
// What happens after the race: both threads allocate, or the other one after this one's end, or this
// one keeps nothing but the block.
enum sequel { BOTH_ALLOCATE, ONE_ENDS_FIRST, ALL_IS_GIVEN_BACK, SEQUELS };

static _Atomic enum phase phase;
static void *victim;
static size_t block_bytes;
static int stop_at, seen, blocks;
static enum sequel sequel;
static char *first[BLOCKS_MOST], *second[BLOCKS_MOST];

static void reach(enum phase wanted)
{
    while (phase != wanted)
        sched_yield();
}

static void take_blocks(char **taken)
{
    for (int i = 0; i < blocks; i++)
        taken[i] = malloc(block_bytes);
}

static void *other_thread(void *unused)
{
    take_blocks(second);
    for (int i = 0; i < blocks; i++)
        free(second[i]);
    phase = WAIT;
    reach(FREE);
    free(victim);
    phase = FREED;
    reach(ALLOCATE);
    if (sequel != ALL_IS_GIVEN_BACK)
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
    static char *all[2 * BLOCKS_MOST];
    memcpy(all, first, blocks * sizeof *all);
    memcpy(all + blocks, second, blocks * sizeof *all);
    qsort(all, 2 * blocks, sizeof *all, by_address);
    for (int i = 1; i < 2 * blocks; i++)
        if (all[i] < all[i - 1] + block_bytes)
            FAIL("%zu bytes, step %d: %p and %p overlap", block_bytes, stop_at, (void *)all[i - 1],
                 (void *)all[i]);
}

// The memory of a block that is alive isn't given to others when all around it is free.
static void require_kept(void)
{
    enum { OTHERS = 1000 };
    char *kept = NULL;
    take_blocks(first);
    for (int i = 0; i < blocks; i++) {
        if (first[i] == victim)
            kept = first[i];
        else
            free(first[i]);
    }
    if (!kept)
        return;
    fill_block(kept, block_bytes, 1);
    malloc_trim(0);
    for (size_t i = 0; i < OTHERS; i++) {
        size_t other_bytes = i % 3 ? i * 37 % 1000 + 1 : i * 171 % 40000 + 1;
        char *other = malloc(other_bytes);
        if (other < kept + block_bytes && kept < other + other_bytes)
            FAIL("%zu bytes, step %d: %p and %p overlap", block_bytes, stop_at, (void *)kept,
                 (void *)other);
        fill_block(other, other_bytes, 2);
    }
    require_filled(kept, block_bytes, 1);
}

static void race(void)
{
    pthread_t other;
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    phase = ALLOCATED;
    take_blocks(first);
    REQUIRE(pthread_create(&other, NULL, other_thread, NULL) == 0);
    reach(WAIT);
    victim = opaque_pointer(first[blocks / 2]);
    for (int i = 0; i < blocks; i++)
        if (first[i] != victim)
            free(first[i]);
    REQUIRE(sigaction(SIGTRAP, &action, NULL) == 0);
    __asm__ volatile("pushf; orl %0, (%%rsp); popf" ::"i"(TRAP_FLAG) : "memory", "cc");
    free(victim);
    __asm__ volatile("pushf; andl %0, (%%rsp); popf" ::"i"(~TRAP_FLAG) : "memory", "cc");
    if (seen <= stop_at)
        _exit(STATUS_NOT_REACHED);
    reach(FREED);
    if (sequel == BOTH_ALLOCATE)
        take_blocks(first);
    phase = ALLOCATE;
    reach(ALLOCATED);
    if (sequel != BOTH_ALLOCATE)
        pthread_join(other, NULL);
    if (sequel == ONE_ENDS_FIRST)
        take_blocks(first);
    if (sequel == ALL_IS_GIVEN_BACK)
        require_kept();
    else
        require_apart();
    _exit(0);
}

// Returns whether a free has as many instructions as are run before the thread is stopped.
static bool race_in_a_child(int *reports)
{
    int status = 0;
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        REQUIRE(freopen("/dev/null", "w", stderr) != NULL);
        alarm(30);
        race();
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    bool is_report = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    *reports += is_report;
    if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOT_REACHED)
        return false;
    if (status != 0 && !is_report)
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 3); // the child has said why
    return true;
}

static void race_everywhere(size_t size_bytes, int block_count)
{
    int reports = 0;
    bool is_reached = true;
    only_on_cairn("glibc gives the block out twice");
    block_bytes = size_bytes;
    blocks = block_count;
    for (stop_at = 0; stop_at < STEPS_MOST && is_reached;
         stop_at += stop_at < STEPS_OF_A_HIT ? 1 : 61)
        for (sequel = 0; sequel < SEQUELS && is_reached; sequel++)
            is_reached = race_in_a_child(&reports);
    REQUIRE(stop_at > 20 && reports > 0);
}

static void check_two_threads_free_a_tiny_block(void)
{
    race_everywhere(32, BLOCKS_MOST);
}

static void check_two_threads_free_a_fine_block(void)
{
    race_everywhere(100, BLOCKS_MOST);
}

static void check_two_threads_free_the_smallest_coarse_block(void)
{
    race_everywhere(1009, BLOCKS_MOST);
}

static void check_two_threads_free_a_coarse_block(void)
{
    race_everywhere(2000, BLOCKS_MOST);
}

static void check_two_threads_free_a_long_coarse_block(void)
{
    race_everywhere(20000, 20);
}

static void check_two_threads_free_the_longest_coarse_block(void)
{
    race_everywhere(256 << 10, 8);
}

static void check_two_threads_free_a_large_block(void)
{
    race_everywhere((256 << 10) + 1, 8);
}

DEFINE_TABLE(racing_free_attacks, ENTRY(two_threads_free_a_tiny_block),
             ENTRY(two_threads_free_a_fine_block),
             ENTRY(two_threads_free_the_smallest_coarse_block),
             ENTRY(two_threads_free_a_coarse_block), ENTRY(two_threads_free_a_long_coarse_block),
             ENTRY(two_threads_free_the_longest_coarse_block),
             ENTRY(two_threads_free_a_large_block));
