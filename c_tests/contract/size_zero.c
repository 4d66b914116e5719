// Rule: a request of no bytes gives a unique block that is not null and can be freed.

#include "contract.h"

#include <malloc.h>
#include <stdlib.h>

enum { BLOCKS = 1000 };

static int by_address(const void *left, const void *right)
{
    const char *a = *(void *const *)left, *b = *(void *const *)right;
    return (a > b) - (a < b);
}

static void require_unique_and_free(void **blocks)
{
    qsort(blocks, BLOCKS, sizeof blocks[0], by_address);
    REQUIRE(blocks[0] != NULL);
    for (size_t i = 1; i < BLOCKS; i++)
        REQUIRE(blocks[i] != blocks[i - 1]);
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
}

static void malloc_of_zero_is_unique(void)
{
    static void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(opaque_size(0));
    require_unique_and_free(blocks);
}

static void calloc_of_zero_is_unique(void)
{
    static void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = i % 2 ? calloc(0, i) : calloc(i, opaque_size(0));
    require_unique_and_free(blocks);
}

static void realloc_of_null_with_zero_is_malloc_of_zero(void)
{
    void *block = realloc(NULL, opaque_size(0));
    REQUIRE(block != NULL);
    free(block);
    block = reallocarray(NULL, opaque_size(0), 8);
    REQUIRE(block != NULL);
    free(block);
}

static void aligned_calls_of_zero(void)
{
    void *block = NULL;
    REQUIRE(posix_memalign(&block, 64, 0) == 0);
    REQUIRE(block != NULL);
    free(block);
    void *blocks[] = {aligned_alloc(64, 0), memalign(64, 0), valloc(0), pvalloc(0)};
    for (size_t i = 0; i < 4; i++) {
        REQUIRE(blocks[i] != NULL);
        free(blocks[i]);
    }
}

static void free_of_null_does_nothing(void)
{
    free(opaque_pointer(NULL));
    REQUIRE(malloc_usable_size(opaque_pointer(NULL)) == 0);
}

DEFINE_TABLE(size_zero_checks, CHECK(malloc_of_zero_is_unique), CHECK(calloc_of_zero_is_unique),
             CHECK(realloc_of_null_with_zero_is_malloc_of_zero), CHECK(aligned_calls_of_zero),
             CHECK(free_of_null_does_nothing));
