// Rule: malloc_usable_size is 0 for null; for a live block it is constant over its life, and all of
// it is writable.

#include "contract.h"

#include <malloc.h>
#include <stdlib.h>

static void usable_size_of_null_is_zero(void)
{
    REQUIRE(malloc_usable_size(opaque_pointer(NULL)) == 0);
}

static void usable_size_covers_the_request(void)
{
    for (size_t i = 0; i < border_sizes_count; i++) {
        void *block = malloc(border_sizes[i]);
        REQUIRE(malloc_usable_size(block) >= border_sizes[i]);
        free(block);
    }
}

// What happens to other blocks in between must not change the answer.
static void stir_the_heap(void)
{
    for (unsigned i = 0; i < 500; i++) {
        void *first = malloc(i * 17 % 3000 + 1), *second = malloc(i * 1009 % 100000 + 1);
        free(first);
        free(realloc(second, i + 1));
    }
}

static void usable_size_is_constant(void)
{
    for (size_t i = 0; i < border_sizes_count; i++) {
        char *block = malloc(border_sizes[i]);
        REQUIRE(block != NULL);
        size_t usable_bytes = malloc_usable_size(block);
        stir_the_heap();
        REQUIRE(malloc_usable_size(block) == usable_bytes);
        fill_block(block, usable_bytes, 7);
        stir_the_heap();
        REQUIRE(malloc_usable_size(block) == usable_bytes);
        require_filled(block, usable_bytes, 7);
        free(block);
    }
}

// Twelve blocks of each size side by side: whoever answers too much is overwritten by a neighbour.
static void all_of_the_usable_size_is_the_blocks_own(void)
{
    enum { BLOCKS = 12 };
    void *blocks[BLOCKS];
    for (size_t i = 0; i < border_sizes_count; i++) {
        for (unsigned j = 0; j < BLOCKS; j++) {
            blocks[j] = malloc(border_sizes[i]);
            REQUIRE(blocks[j] != NULL);
            fill_block(blocks[j], malloc_usable_size(blocks[j]), j);
        }
        for (unsigned j = 0; j < BLOCKS; j++) {
            require_filled(blocks[j], malloc_usable_size(blocks[j]), j);
            free(blocks[j]);
        }
    }
}

static void realloc_into_the_slack_keeps_all_of_it(void)
{
    for (size_t i = 0; i < border_sizes_count; i++) {
        void *block = malloc(border_sizes[i]);
        size_t usable_bytes = malloc_usable_size(block);
        fill_block(block, usable_bytes, 8);
        block = realloc(block, usable_bytes);
        REQUIRE(block != NULL);
        require_filled(block, usable_bytes, 8);
        block = realloc(block, usable_bytes + 100000);
        REQUIRE(block != NULL);
        require_filled(block, usable_bytes, 8);
        free(block);
    }
}

DEFINE_TABLE(usable_size_checks, CHECK(usable_size_of_null_is_zero),
             CHECK(usable_size_covers_the_request), CHECK(usable_size_is_constant),
             CHECK(all_of_the_usable_size_is_the_blocks_own),
             CHECK(realloc_into_the_slack_keeps_all_of_it));
