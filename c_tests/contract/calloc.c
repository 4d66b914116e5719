// Rule: calloc gives zeros, also in recycled memory, and does not touch memory that comes fresh
// from the kernel.

#include "contract.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static void calloc_is_zero_in_recycled_memory(void)
{
    enum { BLOCKS = 8 };
    void *blocks[BLOCKS];
    for (size_t i = 0; i < border_sizes_count; i++)
        for (int round = 0; round < 3; round++) {
            for (int j = 0; j < BLOCKS; j++) {
                blocks[j] = malloc(border_sizes[i]);
                REQUIRE(blocks[j] != NULL);
                memset(blocks[j], 0xff, malloc_usable_size(blocks[j]));
            }
            for (int j = 0; j < BLOCKS; j++)
                free(blocks[j]);
            for (int j = 0; j < BLOCKS; j++) {
                blocks[j] = calloc(1, border_sizes[i]);
                REQUIRE(blocks[j] != NULL);
                require_zero(blocks[j], border_sizes[i]);
                memset(blocks[j], 0xff, malloc_usable_size(blocks[j]));
            }
            for (int j = 0; j < BLOCKS; j++)
                free(blocks[j]);
        }
}

// Memory that served one size and is cut anew for another.
static void calloc_is_zero_in_memory_of_other_sizes(void)
{
    enum { BLOCKS = 300 };
    static void *blocks[BLOCKS];
    for (size_t round = 0; round < 8; round++) {
        size_t dirty_bytes = border_sizes[round * 5 + 3], clean_bytes = border_sizes[round * 3 + 6];
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = malloc(dirty_bytes);
            REQUIRE(blocks[i] != NULL);
            memset(blocks[i], 0xee, dirty_bytes < 100000 ? dirty_bytes : 100000);
        }
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i]);
        malloc_trim(0);
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = calloc(clean_bytes, 1);
            REQUIRE(blocks[i] != NULL);
            require_zero(blocks[i], clean_bytes);
        }
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i]);
    }
}

static void calloc_is_zero_after_a_block_shrank(void)
{
    for (int round = 0; round < 20; round++) {
        char *block = malloc(2 << 20);
        memset(block, 0xdd, 2 << 20);
        block = realloc(block, 300000);
        char *zeros = calloc(1, 1500000);
        REQUIRE(block && zeros);
        require_zero(zeros, 1500000);
        memset(zeros, 0xcc, 1500000);
        free(zeros);
        free(block);
    }
}

static void calloc_multiplies(void)
{
    char *block = calloc(1000, 1001);
    REQUIRE(block && malloc_usable_size(block) >= 1001000);
    require_zero(block, 1001000);
    free(block);
}

static void calloc_of_a_gigabyte_touches_nothing(void)
{
    size_t before_kib = status_kib("VmRSS:");
    char *block = calloc(1024, 1 << 20);
    if (!block)
        skip_check("there is no gigabyte");
    if (status_kib("VmRSS:") > before_kib + 16384)
        FAIL("calloc(1 GiB) took %zu KiB", status_kib("VmRSS:") - before_kib);
    REQUIRE(block[0] == 0 && block[(1 << 30) - 1] == 0 && block[1 << 29] == 0);
    free(block);
}

DEFINE_TABLE(calloc_checks, CHECK(calloc_is_zero_in_recycled_memory),
             CHECK(calloc_is_zero_in_memory_of_other_sizes),
             CHECK(calloc_is_zero_after_a_block_shrank), CHECK(calloc_multiplies),
             CHECK(calloc_of_a_gigabyte_touches_nothing));
