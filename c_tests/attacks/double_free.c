// Freeing a block twice, to have it handed out twice: at once, with others in between, after it has
// left every cache, in other threads, after it was moved, with its contents changed so that checks
// of another allocator would be fooled. (CWE-415; "fastbin dup", "tcache dup", "house of botcake".)

#include "attacks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void expect_double_free(void *block, size_t usable_bytes)
{
    expect("free(%p): double free of a block of %zu bytes", block, usable_bytes);
}

FAULT(free_a_a)
{
    void *a = opaque_pointer(malloc(100));
    free(a);
    expect_double_free(a, 112);
    free(a);
}

FAULT(free_a_b_a)
{
    void *a = opaque_pointer(malloc(24)), *b = opaque_pointer(malloc(24));
    free(a);
    free(b);
    expect_double_free(a, 32);
    free(a);
}

// tcache finds a double free by a key in the block; the attack wipes the key.
FAULT(free_a_wipe_a)
{
    void *a = opaque_pointer(malloc(40));
    free(a);
    memset(a, 0, 32);
    expect_double_free(a, 48);
    free(a);
}

// tcache looks only into the list of the size that the header names.
FAULT(free_a_change_its_size_a)
{
    size_t *a = opaque_pointer(malloc(40));
    free(a);
    a[-1] = 0x61;
    expect_double_free(a, 48);
    free(a);
}

// Seven blocks fill tcache, the next goes elsewhere, is merged with its neighbour, and is freed
// again into tcache ("house of botcake").
FAULT(free_across_two_kinds_of_lists)
{
    void *fill[7];
    for (int i = 0; i < 7; i++)
        fill[i] = malloc(200);
    void *before = opaque_pointer(malloc(200)), *a = opaque_pointer(malloc(200));
    for (int i = 0; i < 7; i++)
        free(fill[i]);
    free(a);
    free(before);
    fill[0] = malloc(16);
    expect_double_free(a, 208);
    free(a);
}

// More are freed in between than any magazine, stock or bin holds.
static void free_with_many_between(size_t size_bytes, size_t usable_bytes)
{
    enum { BLOCKS = 20000 };
    static void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = opaque_pointer(malloc(size_bytes));
    for (int i = 0; i < BLOCKS; i += 2)
        free(blocks[i]);
    expect_double_free(blocks[100], usable_bytes);
    free(blocks[100]);
}

FAULT(free_again_from_a_slab_small) { free_with_many_between(40, 48); }
FAULT(free_again_from_a_slab_medium) { free_with_many_between(2000, 2048); }

// The thread refills its magazine in between; the block itself is still free.
FAULT(free_again_after_a_refill)
{
    enum { BLOCKS = 300 };
    static void *first[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        first[i] = opaque_pointer(malloc(100));
    for (int i = 0; i < BLOCKS; i++)
        free(first[i]);
    for (int i = 0; i < 200; i++)
        if (!malloc(90))
            return;
    for (int i = 0; i < BLOCKS; i++) {
        if (is_live(first[i]))
            continue;
        expect_double_free(first[i], 112);
        free(first[i]);
    }
}

FAULT(free_a_large_block_twice)
{
    void *a = opaque_pointer(malloc(3000000));
    free(a);
    expect("free(%p): double free or stale pointer: that memory is free", a);
    free(a);
}

FAULT(free_after_realloc_moved_it)
{
    void *a = opaque_pointer(malloc(100)), *old = opaque_pointer(a);
    void *b = realloc(a, 3000);
    REQUIRE(b != NULL);
    expect_double_free(old, 112);
    free(old);
}

static void *free_it(void *block)
{
    free(block);
    return block;
}

static void in_a_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, function, argument) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
}

FAULT(free_here_then_in_a_thread)
{
    void *a = opaque_pointer(malloc(100));
    free(a);
    expect_double_free(a, 112);
    in_a_thread(free_it, a);
}

FAULT(free_in_two_threads_one_after_the_other)
{
    void *a = opaque_pointer(malloc(100));
    in_a_thread(free_it, a);
    expect_double_free(a, 112);
    in_a_thread(free_it, a);
}

static void *allocate_and_free_it(void *unused)
{
    (void)unused;
    void *block = opaque_pointer(malloc(100));
    free(block);
    return block;
}

FAULT(free_what_an_ended_thread_has_freed)
{
    pthread_t thread;
    void *a = NULL;
    REQUIRE(pthread_create(&thread, NULL, allocate_and_free_it, NULL) == 0);
    REQUIRE(pthread_join(thread, &a) == 0);
    expect_double_free(a, 112);
    free(a);
}

// The block has a new owner when it is freed again. Where blocks are reused at once, the ledger
// can't tell the two owners apart; it can tell that one block is freed twice. The report comes when
// the second of them frees it. Hardened, the block rests first and has no new owner yet.
FAULT(free_again_after_reuse)
{
    void *a = opaque_pointer(malloc(100));
    free(a);
    if (is_hardened()) {
        REQUIRE(malloc(100) != a);
        expect_double_free(a, 112);
        free(a);
    }
    void *others[200], *b = NULL;
    for (int i = 0; i < 200; i++)
        others[i] = malloc(100);
    for (int i = 0; i < 200; i++)
        free(others[i]);
    for (int i = 0; i < 5000 && b != a; i++)
        b = malloc(100);
    REQUIRE(b == a);
    free(a);
    expect_double_free(b, 112);
    free(b);
}

DEFINE_TABLE(double_free_attacks, ENTRY(free_a_a), ENTRY(free_a_b_a), ENTRY(free_a_wipe_a),
             ENTRY(free_a_change_its_size_a), ENTRY(free_across_two_kinds_of_lists),
             ENTRY(free_again_from_a_slab_small), ENTRY(free_again_from_a_slab_medium),
             ENTRY(free_again_after_a_refill), ENTRY(free_a_large_block_twice),
             ENTRY(free_after_realloc_moved_it), ENTRY(free_here_then_in_a_thread),
             ENTRY(free_in_two_threads_one_after_the_other),
             ENTRY(free_what_an_ended_thread_has_freed), ENTRY(free_again_after_reuse));
