// Writing past a block's end, by one byte, by a null, by many, and before its start: the
// neighbours' data suffers, which no allocator can prevent without a check at each write; Cairn's
// own state doesn't. Hardened, the overrun block is found when it is freed, exactly to the byte.
// (CWE-122, CWE-124, CWE-193.)

#include "attacks.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void expect_overrun(void *block, size_t size_bytes)
{
    EXPECT_HARDENED("free(%p): a block of %zu bytes was written to past its end", block,
                    size_bytes);
}

static void overflow(size_t size_bytes, size_t by, char value)
{
    char *block = opaque_pointer(malloc(size_bytes));
    memset(block + size_bytes, value, by);
    expect_overrun(block, size_bytes);
    free(block);
    require_sound_heap(size_bytes);
}

CAUGHT_HARDENED(by_one) { overflow(103, 1, 'x'); }
CAUGHT_HARDENED(by_one_into_the_neighbour) { overflow(112, 1, 'x'); }
CAUGHT_HARDENED(by_a_null) { overflow(112, 1, 0); }
CAUGHT_HARDENED(by_a_null_behind_an_odd_size) { overflow(37, 1, 0); }
CAUGHT_HARDENED(by_a_null_in_a_medium_block) { overflow(5000, 1, 0); }

// What is written over the end of a block says how long the block was, as far as it is left.
static void overflow_whole_slot(size_t size_bytes, size_t by, char value, size_t most_bytes)
{
    char *block = opaque_pointer(malloc(size_bytes));
    memset(block + size_bytes, value, by);
    EXPECT_HARDENED("free(%p): a block of at most %zu bytes was written to past its end",
                    (void *)block, most_bytes);
    free(block);
    require_sound_heap(size_bytes);
}

CAUGHT_HARDENED(by_a_null_where_nothing_is_left) { overflow_whole_slot(104, 1, 0, 104); }
CAUGHT_HARDENED(by_sixteen) { overflow_whole_slot(100, 16, 'A', 104); }
CAUGHT_HARDENED(by_many) { overflow_whole_slot(100, 3000, 'A', 104); }
CAUGHT_HARDENED(by_many_from_a_medium_block) { overflow_whole_slot(5000, 9000, 'A', 5112); }

CAUGHT_HARDENED(before_the_start)
{
    enum { BLOCKS = 64 };
    static char *blocks[BLOCKS];
    char *found = NULL, *before = NULL;
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = opaque_pointer(malloc(104));
    for (int i = 0; i < BLOCKS; i++)
        for (int k = 0; k < BLOCKS; k++)
            if (blocks[k] == blocks[i] + 112)
                before = blocks[i], found = blocks[k];
    REQUIRE(found != NULL);
    memset(found - 8, 'B', 8);
    EXPECT_HARDENED("free(%p): a block of at most 104 bytes was written to past its end",
                    (void *)before);
    free(found);
    free(before);
    require_sound_heap(104);
}

CAUGHT_HARDENED(then_realloc)
{
    char *block = opaque_pointer(malloc(199));
    block[199] = 0;
    EXPECT_HARDENED("realloc(%p): a block of 199 bytes was written to past its end",
                    (void *)block);
    REQUIRE(realloc(block, 4000) != NULL);
    require_sound_heap(200);
}

// All that is writable around is overwritten, until something that can't be: the heap's own tables
// lie elsewhere. Then the process dies by a signal, and never goes on with a broken heap.
static void write_on_and_on(char *from, int step)
{
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        for (volatile char *at = from;; at += step)
            *at = (char)0x41;
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(WTERMSIG(status) == SIGSEGV);
}

ATTACK(upwards_as_far_as_it_goes)
{
    write_on_and_on(opaque_pointer(malloc(100)), 1);
    write_on_and_on(opaque_pointer(malloc(20)), 1);
    write_on_and_on(opaque_pointer(malloc(2000)), 1);
}

ATTACK(downwards_as_far_as_it_goes)
{
    write_on_and_on(opaque_pointer(malloc(100)), -1);
    write_on_and_on(opaque_pointer(malloc(20)), -1);
    write_on_and_on(opaque_pointer(malloc(2000)), -1);
}

// Whether a child that touches the byte dies of it.
static bool faults(volatile char *byte)
{
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        *byte = 1;
        _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void require_guard(char *block)
{
    size_t usable_bytes = malloc_usable_size(block);
    REQUIRE(!faults(block) && !faults(block + usable_bytes - 1));
    REQUIRE(faults(block + usable_bytes));
    REQUIRE(faults(block + usable_bytes + 4095));
}

// Sizes that fill their units and such that don't, and blocks that grew, shrank and moved.
static void check_behind_a_large_block(void)
{
    if (!is_hardened())
        skip_check("only hardened");
    for (size_t size_bytes = 300000; size_bytes < 9000000; size_bytes += size_bytes / 3) {
        char *block = opaque_pointer(malloc(size_bytes));
        char *other = opaque_pointer(malloc(size_bytes & ~(size_t)0xffff));
        require_guard(block);
        require_guard(other);
        block = opaque_pointer(realloc(block, size_bytes + 100000));
        require_guard(block);
        other = opaque_pointer(realloc(other, size_bytes / 2 + 300000));
        require_guard(other);
        memset(block, 1, malloc_usable_size(block));
        free(block);
        REQUIRE(faults(block));
        free(other);
    }
    require_sound_heap(400000);
}

DEFINE_TABLE(overflow_attacks, {"behind_a_large_block", check_behind_a_large_block},
             ENTRY(by_one), ENTRY(by_one_into_the_neighbour), ENTRY(by_a_null),
             ENTRY(by_a_null_behind_an_odd_size), ENTRY(by_a_null_in_a_medium_block),
             ENTRY(by_a_null_where_nothing_is_left), ENTRY(by_sixteen), ENTRY(by_many),
             ENTRY(by_many_from_a_medium_block),
             ENTRY(before_the_start), ENTRY(then_realloc), ENTRY(upwards_as_far_as_it_goes),
             ENTRY(downwards_as_far_as_it_goes));
