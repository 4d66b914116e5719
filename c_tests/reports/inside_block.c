// Faults with a pointer into a block: interior or misaligned, of a live block or of a freed one,
// and into no block.

#include "reports.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

// `kind` is what the distance makes of it: "invalid" when it is a multiple of 16, else
// "misaligned".
static const char *kind(size_t distance)
{
    return distance % 16 == 0 ? "invalid" : "misaligned";
}

static void free_inside(size_t size_bytes, size_t usable_bytes, size_t distance)
{
    char *block = opaque_pointer(malloc(size_bytes)), *inside = opaque_pointer(block + distance);
    expect("free(%p): %s pointer, %zu bytes into the live block %p of %zu bytes", (void *)inside,
           kind(distance), distance, (void *)block, usable_bytes);
    free(inside);
}

FAULT(free_16_into_48) { free_inside(48, 48, 16); }
FAULT(free_32_into_48) { free_inside(48, 48, 32); }
FAULT(free_1_into_16) { free_inside(10, 16, 1); }
FAULT(free_8_into_32) { free_inside(32, 32, 8); }
FAULT(free_47_into_48) { free_inside(40, 48, 47); }
FAULT(free_16_into_64) { free_inside(64, 64, 16); }
FAULT(free_16_into_400) { free_inside(400, 400, 16); }
FAULT(free_64_into_400) { free_inside(400, 400, 64); }
FAULT(free_384_into_400) { free_inside(400, 400, 384); }
FAULT(free_40_into_400) { free_inside(400, 400, 40); }
FAULT(free_1_into_400) { free_inside(400, 400, 1); }
FAULT(free_399_into_400) { free_inside(400, 400, 399); }
FAULT(free_4096_into_10000) { free_inside(10000, 10240, 4096); }
FAULT(free_65536_into_200000) { free_inside(200000, 212992, 65536); }
FAULT(free_into_slack) { free_inside(5000, 5120, 5008); }

static size_t whole_pages(size_t size_bytes)
{
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    return (size_bytes + page_bytes - 1) / page_bytes * page_bytes;
}

FAULT(free_16_into_a_large_block) { free_inside(3000000, whole_pages(3000000), 16); }
FAULT(free_a_unit_into_a_large_block) { free_inside(3000000, whole_pages(3000000), 65536); }
FAULT(free_at_the_last_byte_of_a_large_block)
{
    free_inside(3000000, whole_pages(3000000), 2999999);
}

static void free_inside_freed(size_t size_bytes, size_t usable_bytes, size_t distance)
{
    char *block = opaque_pointer(malloc(size_bytes)), *inside = opaque_pointer(block + distance);
    void *hidden = opaque_pointer(block);
    free(block);
    expect("free(%p): %s pointer, %zu bytes into the freed block %p of %zu bytes", (void *)inside,
           kind(distance), distance, hidden, usable_bytes);
    free(inside);
}

FAULT(free_16_into_freed_48) { free_inside_freed(48, 48, 16); }
FAULT(free_160_into_freed_400) { free_inside_freed(400, 400, 160); }
FAULT(free_4_into_freed_400) { free_inside_freed(400, 400, 4); }
FAULT(free_10000_into_freed_20000) { free_inside_freed(20000, 20480, 10000); }

FAULT(free_16_into_a_freed_large_block)
{
    char *block = opaque_pointer(malloc(3000000)), *inside = opaque_pointer(block + 16);
    free(block);
    expect("free(%p): double free or stale pointer: that memory is free", (void *)inside);
    free(inside);
}

FAULT(realloc_16_into_400)
{
    char *block = opaque_pointer(malloc(400)), *inside = opaque_pointer(block + 16);
    expect("realloc(%p): invalid pointer, 16 bytes into the live block %p of 400 bytes",
           (void *)inside, (void *)block);
    free(realloc(inside, 500));
}

FAULT(realloc_3_into_400)
{
    char *block = opaque_pointer(malloc(400)), *inside = opaque_pointer(block + 3);
    expect("realloc(%p): misaligned pointer, 3 bytes into the live block %p of 400 bytes",
           (void *)inside, (void *)block);
    free(realloc(inside, 500));
}

FAULT(reallocarray_16_into_32)
{
    char *block = opaque_pointer(malloc(32)), *inside = opaque_pointer(block + 16);
    expect("reallocarray(%p): invalid pointer, 16 bytes into the live block %p of 32 bytes",
           (void *)inside, (void *)block);
    free(reallocarray(inside, 50, 10));
}

FAULT(usable_size_16_into_400)
{
    char *block = opaque_pointer(malloc(400)), *inside = opaque_pointer(block + 16);
    expect("malloc_usable_size(%p): invalid pointer, 16 bytes into the live block %p of 400 bytes",
           (void *)inside, (void *)block);
    REQUIRE(malloc_usable_size(inside) == 0);
}

// A large block takes whole units of 64 KiB; the rest of its last unit belongs to no block.
static void free_behind_a_large_block(void)
{
    char *block = opaque_pointer(malloc(3000000));
    void *behind = opaque_pointer(block + whole_pages(3000000));
    expect("free(%p): invalid pointer, inside the heap but in no block", behind);
    free(behind);
}

static void check_free_behind_a_large_block(void)
{
    if (sysconf(_SC_PAGESIZE) >= 65536)
        skip_check("with pages of 64 KiB a large block has no rest");
    require_report(free_behind_a_large_block);
}

DEFINE_TABLE(inside_block_checks, ENTRY(free_16_into_48), ENTRY(free_32_into_48),
             ENTRY(free_1_into_16), ENTRY(free_8_into_32), ENTRY(free_47_into_48),
             ENTRY(free_16_into_64), ENTRY(free_16_into_400), ENTRY(free_64_into_400),
             ENTRY(free_384_into_400), ENTRY(free_40_into_400), ENTRY(free_1_into_400),
             ENTRY(free_399_into_400), ENTRY(free_4096_into_10000), ENTRY(free_65536_into_200000),
             ENTRY(free_into_slack), ENTRY(free_16_into_a_large_block),
             ENTRY(free_a_unit_into_a_large_block), ENTRY(free_at_the_last_byte_of_a_large_block),
             ENTRY(free_16_into_freed_48), ENTRY(free_160_into_freed_400),
             ENTRY(free_4_into_freed_400), ENTRY(free_10000_into_freed_20000),
             ENTRY(free_16_into_a_freed_large_block), ENTRY(realloc_16_into_400),
             ENTRY(realloc_3_into_400), ENTRY(reallocarray_16_into_32),
             ENTRY(usable_size_16_into_400), ENTRY(free_behind_a_large_block));
