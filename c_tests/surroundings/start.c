// The very first calls of a process, made from .preinit_array: before any library's constructor has
// run.

#include "../checks.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

enum { MARK = 1234 };

static int first_malloc_errno, first_free_errno;
static void *early_block, *early_large_block;

static void before_all_constructors(void)
{
    errno = MARK;
    void *first = malloc(24);
    first_malloc_errno = errno;
    errno = MARK;
    free(first);
    first_free_errno = errno;
    early_block = malloc(100);
    fill_block(early_block, 100, 1);
    early_large_block = calloc(1, 3000000);
    fill_block(early_large_block, 3000000, 2);
}

__attribute__((section(".preinit_array"),
               used)) static void (*const hook)(void) = before_all_constructors;

static void first_calls_keep_errno(void)
{
    REQUIRE(first_malloc_errno == MARK);
    REQUIRE(first_free_errno == MARK);
}

static void blocks_from_before_the_constructors_live_on(void)
{
    require_filled(early_block, 100, 1);
    require_filled(early_large_block, 3000000, 2);
    early_block = realloc(early_block, 5000);
    REQUIRE(early_block != NULL);
    require_filled(early_block, 100, 1);
    free(early_block);
    free(early_large_block);
}

static const struct check table[] = {
    CHECK(first_calls_keep_errno),
    CHECK(blocks_from_before_the_constructors_live_on),
};

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
