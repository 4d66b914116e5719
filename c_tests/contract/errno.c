// Rules: success never changes errno, also not in a thread's first call; free never changes it,
// also not for blocks whose memory is unmapped. (The very first call of a process:
// surroundings/start.c.)

#include "contract.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MARK = 1234 };

#define REQUIRE_ERRNO_KEPT(what)                       \
    do {                                               \
        if (errno != MARK)                             \
            FAIL("%s leaves errno %d", (what), errno); \
    } while (0)

static void free_keeping_errno(void *block)
{
    REQUIRE(block != NULL);
    REQUIRE_ERRNO_KEPT("the allocation");
    free(block);
    REQUIRE_ERRNO_KEPT("free");
}

static void success_keeps_errno(void)
{
    errno = MARK;
    for (size_t i = 0; i < border_sizes_count; i++) {
        size_t size_bytes = border_sizes[i];
        void *block = NULL;
        free_keeping_errno(malloc(size_bytes));
        free_keeping_errno(calloc(1, size_bytes));
        free_keeping_errno(realloc(malloc(10), size_bytes));
        free_keeping_errno(realloc(malloc(size_bytes), 10));
        free_keeping_errno(reallocarray(NULL, size_bytes, 2));
        free_keeping_errno(memalign(256, size_bytes));
        free_keeping_errno(aligned_alloc(64, size_bytes));
        free_keeping_errno(valloc(size_bytes));
        free_keeping_errno(pvalloc(size_bytes));
        REQUIRE(posix_memalign(&block, 128, size_bytes) == 0);
        REQUIRE(malloc_usable_size(block) >= size_bytes);
        free_keeping_errno(block);
    }
}

// A huge block may be refused, but when it is served, errno stays. (mimalloc leaves 22 after a
// success of 1 TiB.)
static void huge_success_keeps_errno(void)
{
    for (size_t size_bytes = (size_t)1 << 30; size_bytes <= (size_t)1 << 46; size_bytes *= 4) {
        errno = MARK;
        char *block = malloc(size_bytes);
        if (!block) {
            REQUIRE(errno == ENOMEM);
            continue;
        }
        REQUIRE_ERRNO_KEPT("a huge malloc");
        block[0] = block[size_bytes - 1] = 1;
        free(block);
        REQUIRE_ERRNO_KEPT("free of a huge block");
    }
}

static void free_of_a_written_gigabyte_keeps_errno(void)
{
    char *block = malloc((size_t)1 << 30);
    if (!block)
        skip_check("there is no gigabyte");
    memset(block, 1, (size_t)64 << 20); // a part is enough to have real pages to give back
    errno = MARK;
    free(block);
    REQUIRE_ERRNO_KEPT("free");
}

static void free_of_many_keeps_errno(void)
{
    enum { BLOCKS = 50000 };
    static void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        REQUIRE(blocks[i] = malloc(i % 4000 + 1));
    errno = MARK;
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    REQUIRE_ERRNO_KEPT("free");
}

static void *first_calls_of_a_thread(void *unused)
{
    (void)unused;
    errno = MARK;
    void *block = malloc(100);
    REQUIRE_ERRNO_KEPT("a thread's first malloc");
    free(block);
    REQUIRE_ERRNO_KEPT("a thread's first free");
    return NULL;
}

static void *first_free_of_a_thread(void *block)
{
    errno = MARK;
    free(block);
    REQUIRE_ERRNO_KEPT("a thread's first free");
    return NULL;
}

static void first_call_of_a_thread_keeps_errno(void)
{
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL,
                               i % 2 ? first_calls_of_a_thread : first_free_of_a_thread,
                               i % 2 ? NULL : malloc(1000)) == 0);
        REQUIRE(pthread_join(thread, NULL) == 0);
    }
}

static void realloc_to_zero_keeps_errno(void)
{
    errno = MARK;
    REQUIRE(opaque_pointer(realloc(malloc(100), opaque_size(0))) == NULL);
    REQUIRE_ERRNO_KEPT("realloc(p, 0)");
    REQUIRE(opaque_pointer(realloc(malloc(1000000), opaque_size(0))) == NULL);
    REQUIRE_ERRNO_KEPT("realloc(p, 0)");
}

DEFINE_TABLE(errno_checks, CHECK(success_keeps_errno), CHECK(huge_success_keeps_errno),
             CHECK(free_of_a_written_gigabyte_keeps_errno), CHECK(free_of_many_keeps_errno),
             CHECK(first_call_of_a_thread_keeps_errno), CHECK(realloc_to_zero_keeps_errno));
