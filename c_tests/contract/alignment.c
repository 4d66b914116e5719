// Rules: every block is aligned to 16; every alignment up to 1 GiB works; an alignment that makes
// no sense is EINVAL.

#include "contract.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static void require_aligned(void *block, size_t alignment, size_t size_bytes)
{
    if (!block || (uintptr_t)block % alignment != 0)
        FAIL("%p is not aligned to %zu (size %zu)", block, alignment, size_bytes);
    if (malloc_usable_size(block) < size_bytes)
        FAIL("%p: %zu usable bytes of %zu", block, malloc_usable_size(block), size_bytes);
}

static void any_block_is_aligned_to_16(void)
{
    for (size_t size_bytes = 1; size_bytes <= 5000; size_bytes++) {
        void *blocks[3] = {malloc(size_bytes), calloc(1, size_bytes),
                           realloc(malloc(1), size_bytes)};
        for (int i = 0; i < 3; i++) {
            require_aligned(blocks[i], 16, size_bytes);
            free(blocks[i]);
        }
    }
    for (size_t i = 0; i < border_sizes_count; i++) {
        void *block = malloc(border_sizes[i]);
        require_aligned(block, 16, border_sizes[i]);
        free(block);
    }
}

// First and last byte are written: the memory must be there, without filling gigabytes.
static void use_and_free(char *block, size_t size_bytes)
{
    block[0] = 1;
    block[size_bytes - 1] = 2;
    free(block);
}

static void every_alignment_up_to_a_gigabyte(void)
{
    for (size_t alignment = sizeof(void *); alignment <= (size_t)1 << 30; alignment *= 2) {
        size_t sizes[] = {1, 100, alignment, alignment + 1, 300000};
        for (int i = 0; i < 5; i++) {
            void *block = NULL;
            REQUIRE(posix_memalign(&block, alignment, sizes[i]) == 0);
            require_aligned(block, alignment, sizes[i]);
            use_and_free(block, sizes[i]);
            block = aligned_alloc(alignment, sizes[i]);
            require_aligned(block, alignment, sizes[i]);
            use_and_free(block, sizes[i]);
            block = memalign(alignment, sizes[i]);
            require_aligned(block, alignment, sizes[i]);
            use_and_free(block, sizes[i]);
        }
    }
}

static void aligned_blocks_do_not_overlap(void)
{
    enum { BLOCKS = 200 };
    static char *blocks[BLOCKS];
    for (size_t alignment = 32; alignment <= 65536; alignment *= 2) {
        for (unsigned i = 0; i < BLOCKS; i++) {
            blocks[i] = aligned_alloc(alignment, 40 + i);
            require_aligned(blocks[i], alignment, 40 + i);
            fill_block(blocks[i], malloc_usable_size(blocks[i]), i);
        }
        for (unsigned i = 0; i < BLOCKS; i++) {
            require_filled(blocks[i], malloc_usable_size(blocks[i]), i);
            free(blocks[i]);
        }
    }
}

static void realloc_of_an_aligned_block_keeps_its_bytes(void)
{
    for (size_t alignment = 64; alignment <= (size_t)2 << 20; alignment *= 8) {
        void *block = aligned_alloc(alignment, 1000);
        fill_block(block, 1000, 3);
        block = realloc(block, 500000);
        REQUIRE(block != NULL);
        require_filled(block, 1000, 3);
        block = realloc(block, 10);
        require_filled(block, 10, 3);
        free(block);
    }
}

static void aligned_alloc_takes_any_size(void)
{
    void *block = aligned_alloc(64, 100);
    require_aligned(block, 64, 100);
    free(block);
    for (size_t alignment = 1; alignment <= 16; alignment *= 2) {
        block = aligned_alloc(alignment, 33);
        require_aligned(block, alignment, 33);
        free(block);
    }
}

static void aligned_alloc_refuses_what_is_no_power_of_two(void)
{
    if (!on_cairn() && atof(gnu_get_libc_version()) < 2.379)
        skip_check("glibc rounds the alignment up before 2.38");
    static const size_t alignments[] = {0, 3, 24, 48, 100, 4095, SIZE_MAX, SIZE_MAX - 15};
    for (size_t i = 0; i < sizeof alignments / sizeof alignments[0]; i++) {
        errno = 0;
        REQUIRE(opaque_pointer(aligned_alloc(opaque_size(alignments[i]), 100)) == NULL);
        REQUIRE(errno == EINVAL);
    }
}

static void memalign_rounds_the_alignment_up(void)
{
    void *block = memalign(opaque_size(48), 100);
    require_aligned(block, 64, 100);
    free(block);
    block = memalign(opaque_size(5000), 100);
    require_aligned(block, 8192, 100);
    free(block);
    block = memalign(opaque_size(0), 100);
    require_aligned(block, 16, 100);
    free(block);
    block = memalign(opaque_size(3), 100);
    require_aligned(block, 16, 100);
    free(block);
}

static void posix_memalign_refuses_and_touches_nothing(void)
{
    static const size_t alignments[] = {0, 1, 2, 3, 4, 7, 12, 24, 48, 4095, SIZE_MAX};
    for (size_t i = 0; i < sizeof alignments / sizeof alignments[0]; i++) {
        void *out = &out;
        errno = 1234;
        REQUIRE(posix_memalign(&out, opaque_size(alignments[i]), 100) == EINVAL);
        REQUIRE(out == &out && errno == 1234);
    }
}

static void an_alignment_beyond_the_address_space_fails(void)
{
    void *out = &out;
    REQUIRE(posix_memalign(&out, opaque_size((size_t)1 << 62), 100) == ENOMEM);
    REQUIRE(out == &out);
    REQUIRE(opaque_pointer(memalign(opaque_size((size_t)1 << 62), 100)) == NULL);
    REQUIRE(opaque_pointer(aligned_alloc(opaque_size((size_t)1 << 63), 100)) == NULL);
}

static void valloc_and_pvalloc_are_page_aligned(void)
{
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t size_bytes = 1; size_bytes < 3 * page_bytes; size_bytes += 1000) {
        size_t whole_pages_bytes = (size_bytes + page_bytes - 1) / page_bytes * page_bytes;
        void *block = valloc(size_bytes);
        require_aligned(block, page_bytes, size_bytes);
        use_and_free(block, size_bytes);
        block = pvalloc(size_bytes);
        require_aligned(block, page_bytes, whole_pages_bytes);
        use_and_free(block, whole_pages_bytes);
    }
}

DEFINE_TABLE(
    alignment_checks, CHECK(any_block_is_aligned_to_16), CHECK(every_alignment_up_to_a_gigabyte),
    CHECK(aligned_blocks_do_not_overlap), CHECK(realloc_of_an_aligned_block_keeps_its_bytes),
    CHECK(aligned_alloc_takes_any_size), CHECK(aligned_alloc_refuses_what_is_no_power_of_two),
    CHECK(memalign_rounds_the_alignment_up), CHECK(posix_memalign_refuses_and_touches_nothing),
    CHECK(an_alignment_beyond_the_address_space_fails), CHECK(valloc_and_pvalloc_are_page_aligned));
