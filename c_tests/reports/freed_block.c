// Faults with a block that was freed: double free, and use of a freed block.

#include "reports.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

// The block is hidden from the compiler, which would warn of the very faults that are meant.
static void *freed(size_t size_bytes)
{
    void *block = opaque_pointer(malloc(size_bytes)), *hidden = opaque_pointer(block);
    free(block);
    return hidden;
}

static void double_free_of(size_t size_bytes, size_t usable_bytes)
{
    void *block = freed(size_bytes);
    expect("free(%p): double free of a block of %zu bytes", block, usable_bytes);
    free(block);
}

FAULT(double_free_of_1) { double_free_of(1, 16); }
FAULT(double_free_of_17) { double_free_of(17, 32); }
FAULT(double_free_of_48) { double_free_of(48, 48); }
FAULT(double_free_of_49) { double_free_of(49, 64); }
FAULT(double_free_of_100) { double_free_of(100, 112); }
FAULT(double_free_of_992) { double_free_of(992, 992); }
FAULT(double_free_of_1009) { double_free_of(1009, 1024); }
FAULT(double_free_of_1025) { double_free_of(1025, 1280); }
FAULT(double_free_of_2048) { double_free_of(2048, 2048); }
FAULT(double_free_of_2049) { double_free_of(2049, 2304); }
FAULT(double_free_of_5000) { double_free_of(5000, 5120); }
FAULT(double_free_of_100000) { double_free_of(100000, 106496); }
FAULT(double_free_of_262144) { double_free_of(262144, 262144); }

FAULT(double_free_of_a_large_block)
{
    void *block = freed(3000000);
    expect("free(%p): double free or stale pointer: that memory is free", block);
    free(block);
}

FAULT(double_free_among_living_neighbours)
{
    enum { BLOCKS = 20000 };
    static void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(100);
    for (int i = 0; i < BLOCKS;
         i += 2) // far more than any cache holds: the block is back in its slab
        free(opaque_pointer(blocks[i]));
    expect("free(%p): double free of a block of 112 bytes", blocks[100]);
    free(blocks[100]);
}

// The slab may be kept or given back: both lines tell the truth.
static void double_free_after_all_was_freed(bool trim)
{
    enum { BLOCKS = 50000 };
    static void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(100);
    for (int i = 0; i < BLOCKS; i++)
        free(opaque_pointer(blocks[i]));
    if (trim)
        malloc_trim(0);
    expect("free(%p): double free of a block of 112 bytes", blocks[100]);
    expect("free(%p): double free or stale pointer: that memory is free", blocks[100]);
    free(blocks[100]);
}

FAULT(double_free_in_an_empty_slab) { double_free_after_all_was_freed(false); }
FAULT(double_free_after_malloc_trim) { double_free_after_all_was_freed(true); }

FAULT(free_of_the_old_pointer_after_realloc)
{
    void *block = opaque_pointer(malloc(100)), *old = opaque_pointer(block);
    block = realloc(block, 100000);
    REQUIRE(block && block != old);
    expect("free(%p): double free of a block of 112 bytes", old);
    free(old);
}

static void *free_in_thread(void *block)
{
    free(block);
    return NULL;
}

FAULT(double_free_in_two_threads)
{
    void *block = opaque_pointer(malloc(100));
    pthread_t thread;
    pthread_create(&thread, NULL, free_in_thread, block);
    pthread_join(thread, NULL);
    expect("free(%p): double free of a block of 112 bytes", block);
    free(block);
}

FAULT(double_free_of_an_aligned_block)
{
    void *block = opaque_pointer(aligned_alloc(256, 1000)), *hidden = opaque_pointer(block);
    size_t usable_bytes = malloc_usable_size(block);
    free(block);
    expect("free(%p): double free of a block of %zu bytes", hidden, usable_bytes);
    free(hidden);
}

FAULT(realloc_to_zero_then_free)
{
    void *block = opaque_pointer(malloc(100)), *hidden = opaque_pointer(block);
    if (realloc(block, opaque_size(0)))
        return;
    expect("free(%p): double free of a block of 112 bytes", hidden);
    free(hidden);
}

FAULT(realloc_of_a_freed_block)
{
    void *block = freed(100);
    expect("realloc(%p): use of a freed block of 112 bytes", block);
    free(realloc(block, 200));
}

FAULT(reallocarray_of_a_freed_block)
{
    void *block = freed(1020);
    expect("reallocarray(%p): use of a freed block of 1024 bytes", block);
    free(reallocarray(block, 20, 20));
}

FAULT(usable_size_of_a_freed_block)
{
    void *block = freed(30);
    expect("malloc_usable_size(%p): use of a freed block of 32 bytes", block);
    REQUIRE(malloc_usable_size(block) == 0);
}

FAULT(realloc_of_a_freed_large_block)
{
    void *block = freed(3000000);
    expect("realloc(%p): double free or stale pointer: that memory is free", block);
    free(realloc(block, 200));
}

DEFINE_TABLE(freed_block_checks, ENTRY(double_free_of_1), ENTRY(double_free_of_17),
             ENTRY(double_free_of_48), ENTRY(double_free_of_49), ENTRY(double_free_of_100),
             ENTRY(double_free_of_992), ENTRY(double_free_of_1009), ENTRY(double_free_of_1025),
             ENTRY(double_free_of_2048), ENTRY(double_free_of_2049), ENTRY(double_free_of_5000),
             ENTRY(double_free_of_100000), ENTRY(double_free_of_262144),
             ENTRY(double_free_of_a_large_block), ENTRY(double_free_among_living_neighbours),
             ENTRY(double_free_in_an_empty_slab), ENTRY(double_free_after_malloc_trim),
             ENTRY(free_of_the_old_pointer_after_realloc), ENTRY(double_free_in_two_threads),
             ENTRY(double_free_of_an_aligned_block), ENTRY(realloc_to_zero_then_free),
             ENTRY(realloc_of_a_freed_block), ENTRY(reallocarray_of_a_freed_block),
             ENTRY(usable_size_of_a_freed_block), ENTRY(realloc_of_a_freed_large_block));
