// Freeing a block that never was one, dressed up with headers as glibc has them, so that it is
// handed out later: on the stack, in a variable, inside a block, in a mapping. (CWE-590, CWE-761;
// "house of spirit".)

#include "attacks.h"

#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZES = 5 };

// tcache, fastbin, small bin, large bin, and a chunk that claims to be a mapping of its own.
static const size_t sizes[SIZES] = {0x41 | 1, 0x71, 0x211, 0x1001, 0x21002};

FAULT(free_a_forged_block_on_the_stack)
{
    struct target place;
    forge(&place, sizes[0]);
    void *block = opaque_pointer(&place.chunks[0].forward);
    expect("free(%p): invalid pointer, into the stack", block);
    free(block);
}

static void *free_on_own_stack(void *unused)
{
    struct target place;
    forge(&place, sizes[1]);
    void *block = opaque_pointer(&place.chunks[2].forward);
    expect("free(%p): invalid pointer, into the stack", block);
    free(block);
    return unused;
}

FAULT(free_a_forged_block_on_a_threads_stack)
{
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, free_on_own_stack, NULL) == 0);
    pthread_join(thread, NULL);
}

static void free_in_static_data(size_t size)
{
    static char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    REQUIRE(length > 0);
    forge(&target, size);
    void *block = opaque_pointer(&target.chunks[0].forward);
    expect("free(%p): invalid pointer, into the static data of %s", block, program);
    free(block);
}

FAULT(free_a_forged_fast_block_in_a_variable) { free_in_static_data(sizes[1]); }
FAULT(free_a_forged_large_block_in_a_variable) { free_in_static_data(sizes[3]); }
FAULT(free_a_forged_mapping_in_a_variable) { free_in_static_data(sizes[4]); }

static void free_inside_a_block(size_t size_bytes, size_t usable_bytes)
{
    struct target *place = opaque_pointer(malloc(size_bytes));
    forge(place, sizes[2]);
    char *block = opaque_pointer(&place->chunks[1].forward);
    expect("free(%p): invalid pointer, %zu bytes into the live block %p of %zu bytes",
           (void *)block, (size_t)(block - (char *)place), (void *)place, usable_bytes);
    free(block);
}

FAULT(free_a_forged_block_inside_a_small_one) { free_inside_a_block(1000, 1008); }
FAULT(free_a_forged_block_inside_a_medium_one) { free_inside_a_block(5000, 5120); }

// One that starts in the same granule of the ledger as the block itself.
FAULT(free_a_forged_block_in_the_same_granule)
{
    char *block = opaque_pointer(malloc(200)), *inside = opaque_pointer(block + 16);
    expect("free(%p): invalid pointer, 16 bytes into the live block %p of 208 bytes",
           (void *)inside, (void *)block);
    free(inside);
}

FAULT(free_a_forged_block_in_a_mapping)
{
    char *mapping = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(mapping != MAP_FAILED);
    struct target *place = (struct target *)(mapping + 4096);
    forge(place, sizes[3]);
    void *block = opaque_pointer(&place->chunks[0].forward);
    expect("free(%p): invalid pointer, not from this allocator", block);
    free(block);
}

FAULT(realloc_of_a_forged_block)
{
    static char program[4096];
    REQUIRE(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    forge(&target, sizes[2]);
    void *block = opaque_pointer(&target.chunks[0].forward);
    expect("realloc(%p): invalid pointer, into the static data of %s", block, program);
    REQUIRE(realloc(block, 100) == NULL);
}

FAULT(usable_size_of_a_forged_block)
{
    struct target place;
    forge(&place, sizes[2]);
    void *block = opaque_pointer(&place.chunks[0].forward);
    expect("malloc_usable_size(%p): invalid pointer, into the stack", block);
    REQUIRE(malloc_usable_size(block) == 0);
}

// A pointer of which a few bits or bytes were overwritten.
FAULT(free_a_partly_overwritten_pointer)
{
    char *blocks[64];
    for (int i = 0; i < 64; i++)
        blocks[i] = opaque_pointer(malloc(1000));
    uintptr_t low = (uintptr_t)blocks[20] & 0xff;
    char *other = (char *)(((uintptr_t)blocks[20] & ~(uintptr_t)0xff) | (low ^ 0x10));
    REQUIRE(!is_live(other));
    char *start = other > blocks[20] ? blocks[20] : NULL;
    for (int i = 0; i < 64 && !start; i++)
        if (other > blocks[i] && other < blocks[i] + 1008)
            start = blocks[i];
    REQUIRE(start != NULL);
    expect("free(%p): invalid pointer, %zu bytes into the live block %p of 1008 bytes",
           (void *)other, (size_t)(other - start), (void *)start);
    free(opaque_pointer(other));
}

DEFINE_TABLE(forged_block_attacks, ENTRY(free_a_forged_block_on_the_stack),
             ENTRY(free_a_forged_block_on_a_threads_stack),
             ENTRY(free_a_forged_fast_block_in_a_variable),
             ENTRY(free_a_forged_large_block_in_a_variable),
             ENTRY(free_a_forged_mapping_in_a_variable),
             ENTRY(free_a_forged_block_inside_a_small_one),
             ENTRY(free_a_forged_block_inside_a_medium_one),
             ENTRY(free_a_forged_block_in_the_same_granule),
             ENTRY(free_a_forged_block_in_a_mapping), ENTRY(realloc_of_a_forged_block),
             ENTRY(usable_size_of_a_forged_block), ENTRY(free_a_partly_overwritten_pointer));
