// Rules of realloc and reallocarray: bytes move along; realloc(p, 0) frees and returns null, as
// glibc's does.

#include "contract.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

static void realloc_of_null_is_malloc(void)
{
    void *block = realloc(NULL, 100);
    REQUIRE(block != NULL);
    fill_block(block, 100, 1);
    free(block);
}

static void realloc_between_all_sizes_keeps_the_bytes(void)
{
    for (size_t i = 0; i < border_sizes_count; i++)
        for (size_t j = 0; j < border_sizes_count; j++) {
            size_t from = border_sizes[i], to = border_sizes[j], common = from < to ? from : to;
            if (from > 1 << 20 || to > 1 << 20)
                continue; // the largest are in realloc_grows_by_doubling
            void *block = malloc(from);
            fill_block(block, from, 2);
            block = realloc(block, to);
            REQUIRE(block && (uintptr_t)block % 16 == 0);
            REQUIRE(malloc_usable_size(block) >= to);
            require_filled(block, common, 2);
            fill_block(block, to, 3);
            require_filled(block, to, 3);
            free(block);
        }
}

static void realloc_grows_by_doubling(void)
{
    enum { LAST_BYTES = 256 << 20 };
    size_t *numbers = NULL;
    for (size_t size_bytes = 8; size_bytes <= LAST_BYTES; size_bytes *= 2) {
        numbers = realloc(numbers, size_bytes);
        REQUIRE(numbers != NULL);
        if (size_bytes > 8)
            for (size_t i = 0; i < size_bytes / 16; i += 64) // what the smaller block held
                REQUIRE(numbers[i] == i);
        for (size_t i = 0; i < size_bytes / 8; i += 64)
            numbers[i] = i;
    }
    for (size_t size_bytes = LAST_BYTES; size_bytes >= 512; size_bytes /= 2) {
        numbers = realloc(numbers, size_bytes);
        REQUIRE(numbers != NULL);
        for (size_t i = 0; i < size_bytes / 8; i += 64)
            REQUIRE(numbers[i] == i);
    }
    free(numbers);
}

static void large_blocks_that_grow_do_not_run_into_each_other(void)
{
    enum { BLOCKS = 8 };
    void *blocks[BLOCKS] = {NULL};
    size_t size_bytes = 0;
    for (int round = 0; round < 12; round++) {
        size_t next_bytes = size_bytes + 200000;
        for (unsigned i = 0; i < BLOCKS; i++) {
            blocks[i] = realloc(blocks[i], next_bytes);
            REQUIRE(blocks[i] != NULL);
            require_filled(blocks[i], size_bytes, i);
            fill_block(blocks[i], next_bytes, i);
        }
        size_bytes = next_bytes;
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        require_filled(blocks[i], size_bytes, i);
        free(blocks[i]);
    }
}

// If it didn't free, 200,000 blocks of 4 KiB would stay: 800 MiB of address space, and touched.
static void realloc_to_zero_frees_and_returns_null(void)
{
    size_t before_kib = status_kib("VmRSS:");
    for (int i = 0; i < 200000; i++) {
        char *block = malloc(4096);
        REQUIRE(block != NULL);
        block[0] = 1;
        REQUIRE(opaque_pointer(realloc(block, opaque_size(0))) == NULL);
    }
    REQUIRE(status_kib("VmRSS:") < before_kib + 50000);
}

static void reallocarray_multiplies(void)
{
    void *block = reallocarray(NULL, 10, 10);
    REQUIRE(block && malloc_usable_size(block) >= 100);
    fill_block(block, 100, 4);
    block = reallocarray(block, 1000, 300);
    REQUIRE(block && malloc_usable_size(block) >= 300000);
    require_filled(block, 100, 4);
    fill_block(block, 300000, 4);
    require_filled(block, 300000, 4);
    REQUIRE(opaque_pointer(reallocarray(block, opaque_size(0), 8)) == NULL);
}

static void realloc_that_shrinks_gives_memory_back(void)
{
    size_t size_bytes = (size_t)256 << 20, before_kib = status_kib("VmRSS:");
    char *block = malloc(size_bytes);
    REQUIRE(block != NULL);
    for (size_t i = 0; i < size_bytes; i += 4096)
        block[i] = 1;
    REQUIRE(status_kib("VmRSS:") > before_kib + 200000);
    block = realloc(block, 1 << 20);
    REQUIRE(block && block[0] == 1);
    if (status_kib("VmRSS:") > before_kib + 100000)
        FAIL("%zu KiB more than at the start", status_kib("VmRSS:") - before_kib);
    free(block);
}

DEFINE_TABLE(realloc_checks, CHECK(realloc_of_null_is_malloc),
             CHECK(realloc_between_all_sizes_keeps_the_bytes), CHECK(realloc_grows_by_doubling),
             CHECK(large_blocks_that_grow_do_not_run_into_each_other),
             CHECK(realloc_to_zero_frees_and_returns_null), CHECK(reallocarray_multiplies),
             CHECK(realloc_that_shrinks_gives_memory_back));
