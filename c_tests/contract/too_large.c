// Rule: a size over PTRDIFF_MAX, or a product that overflows, is ENOMEM in every function: null,
// errno, nothing else.

#include "contract.h"

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

// Over the limit, right at it, and such that adding a header, an alignment or a page wraps round.
static const size_t impossible[] = {
    SIZE_MAX,         SIZE_MAX - 1,         SIZE_MAX - 10,           SIZE_MAX - 100,
    SIZE_MAX - 5000,  SIZE_MAX - 70000,     (size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX,
    PTRDIFF_MAX - 16, PTRDIFF_MAX - 100000, (size_t)1 << 62,         (size_t)1 << 48,
};
enum { IMPOSSIBLE = sizeof impossible / sizeof impossible[0] };

// Calls one function with each impossible size and wants null with ENOMEM.
#define REQUIRE_ENOMEM(call)                                                            \
    for (size_t i = 0; i < IMPOSSIBLE; i++) {                                           \
        size_t size = opaque_size(impossible[i]);                                       \
        errno = 0;                                                                      \
        void *block = opaque_pointer(call);                                             \
        if (block || errno != ENOMEM)                                                   \
            FAIL("%s with size %#zx gives %p and errno %d", #call, size, block, errno); \
    }

static void malloc_too_large(void)
{
    REQUIRE_ENOMEM(malloc(size));
}

static void calloc_too_large(void)
{
    REQUIRE_ENOMEM(calloc(1, size));
    REQUIRE_ENOMEM(calloc(size, 1));
}

static void realloc_too_large(void)
{
    REQUIRE_ENOMEM(realloc(NULL, size));
    REQUIRE_ENOMEM(reallocarray(NULL, 1, size));
}

static void memalign_too_large(void)
{
    REQUIRE_ENOMEM(memalign(64, size));
    REQUIRE_ENOMEM(memalign(1 << 20, size));
    REQUIRE_ENOMEM(memalign(8, size));
}

static void aligned_alloc_too_large(void)
{
    REQUIRE_ENOMEM(aligned_alloc(64, size));
    REQUIRE_ENOMEM(aligned_alloc(4096, size));
}

static void valloc_too_large(void)
{
    REQUIRE_ENOMEM(valloc(size));
}

static void pvalloc_too_large(void)
{
    REQUIRE_ENOMEM(pvalloc(size));
}

static void posix_memalign_too_large_returns_it_and_touches_nothing(void)
{
    for (size_t i = 0; i < IMPOSSIBLE; i++) {
        void *out = &out;
        errno = 1234;
        int result = posix_memalign(&out, 64, opaque_size(impossible[i]));
        bool errno_kept = errno == 1234 || !on_cairn(); // glibc sets it, against its manual
        if (result != ENOMEM || out != &out || !errno_kept)
            FAIL("size %#zx: result %d, out %p, errno %d", impossible[i], result, out, errno);
    }
}

static void calloc_overflow(void)
{
    static const size_t factors[][2] = {
        {SIZE_MAX, 2},           {2, SIZE_MAX},
        {SIZE_MAX / 2 + 1, 2},   {(size_t)1 << 33, (size_t)1 << 33},
        {SIZE_MAX / 4 + 1, 4},   {SIZE_MAX, SIZE_MAX},
        {SIZE_MAX / 16 + 2, 16},
    };
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        errno = 0;
        REQUIRE(opaque_pointer(calloc(opaque_size(factors[i][0]), factors[i][1])) == NULL);
        REQUIRE(errno == ENOMEM);
    }
}

static void reallocarray_overflow_leaves_the_block(void)
{
    void *block = malloc(100);
    fill_block(block, 100, 1);
    errno = 0;
    REQUIRE(opaque_pointer(reallocarray(opaque_pointer(block), opaque_size(SIZE_MAX / 2 + 1), 2)) ==
            NULL);
    REQUIRE(errno == ENOMEM);
    errno = 0;
    REQUIRE(opaque_pointer(
                reallocarray(opaque_pointer(block), opaque_size(SIZE_MAX / 16 + 2), 16)) == NULL);
    REQUIRE(errno == ENOMEM);
    require_filled(block, 100, 1);
    free(block);
}

static void realloc_failure_leaves_the_block(void)
{
    for (size_t i = 0; i < border_sizes_count; i++) {
        size_t size_bytes = border_sizes[i];
        void *block = malloc(size_bytes);
        REQUIRE(block != NULL);
        fill_block(block, size_bytes, 2);
        size_t usable_bytes = malloc_usable_size(block);
        for (size_t j = 0; j < IMPOSSIBLE; j++) {
            errno = 0;
            REQUIRE(opaque_pointer(realloc(opaque_pointer(block), opaque_size(impossible[j]))) ==
                    NULL);
            REQUIRE(errno == ENOMEM);
        }
        require_filled(block, size_bytes, 2);
        REQUIRE(malloc_usable_size(block) == usable_bytes);
        free(block);
    }
}

static void the_heap_goes_on_after_enomem(void)
{
    for (int round = 0; round < 1000; round++) {
        REQUIRE(opaque_pointer(malloc(opaque_size(PTRDIFF_MAX))) == NULL);
        void *block = malloc(100);
        REQUIRE(block != NULL);
        free(block);
    }
}

DEFINE_TABLE(too_large_checks, CHECK(malloc_too_large), CHECK(calloc_too_large),
             CHECK(realloc_too_large), CHECK(memalign_too_large), CHECK(aligned_alloc_too_large),
             CHECK(valloc_too_large), CHECK(pvalloc_too_large),
             CHECK(posix_memalign_too_large_returns_it_and_touches_nothing), CHECK(calloc_overflow),
             CHECK(reallocarray_overflow_leaves_the_block), CHECK(realloc_failure_leaves_the_block),
             CHECK(the_heap_goes_on_after_enomem));
