// Rules: C23's free_sized and free_aligned_sized take the size that was asked for. (Wrong sizes:
// reports/.)

#include "contract.h"

#include <errno.h>
#include <stdlib.h>

typedef void free_sized_function(void *, size_t);
typedef void free_aligned_sized_function(void *, size_t, size_t);

static void free_sized_takes_the_requested_size(void)
{
    free_sized_function *free_sized = (free_sized_function *)named_function("free_sized");
    errno = 1234;
    for (size_t i = 0; i < border_sizes_count; i++) {
        size_t size_bytes = border_sizes[i];
        free_sized(malloc(size_bytes), size_bytes);
        free_sized(calloc(1, size_bytes), size_bytes);
        free_sized(realloc(malloc(10), size_bytes), size_bytes);
        free_sized(realloc(malloc(size_bytes), 40), 40);
    }
    free_sized(malloc(0), 0);
    free_sized(NULL, 0);
    free_sized(NULL, 100);
    REQUIRE(errno == 1234);
}

static void free_aligned_sized_takes_the_requested_size(void)
{
    free_aligned_sized_function *free_aligned_sized =
        (free_aligned_sized_function *)named_function("free_aligned_sized");
    errno = 1234;
    for (size_t alignment = 1; alignment <= (size_t)1 << 30; alignment *= 2)
        for (size_t i = 0; i < border_sizes_count; i += 3) {
            void *block = aligned_alloc(alignment, border_sizes[i]);
            REQUIRE(block != NULL);
            free_aligned_sized(block, alignment, border_sizes[i]);
        }
    free_aligned_sized(NULL, 64, 100);
    REQUIRE(errno == 1234);
}

DEFINE_TABLE(sized_free_checks, CHECK(free_sized_takes_the_requested_size),
             CHECK(free_aligned_sized_takes_the_requested_size));
