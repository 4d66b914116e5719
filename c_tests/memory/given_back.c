// What is freed goes back to the kernel without being asked for: nothing is called after the last
// free. Resident memory is compared with what it was before the blocks.

#include "../checks.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MIB = 1 << 20, MOST = 1 << 21 };

static void **blocks; // MOST of them, mapped apart and written before anything is counted
static size_t count;
static unsigned random_state = 1;

static unsigned random_below(unsigned bound)
{
    random_state = random_state * 1664525 + 1013904223;
    return (unsigned)(((size_t)random_state * bound) >> 32);
}

// Blocks of 16 to 1,024 bytes up to `mib`, both ends written.
static void fill(size_t mib)
{
    for (size_t bytes = 0; bytes < mib * MIB && count < MOST; count++) {
        size_t size_bytes = 16 + random_below(1009);
        char *block = malloc(size_bytes);
        REQUIRE(block != NULL);
        block[0] = block[size_bytes - 1] = 1;
        blocks[count] = block;
        bytes += size_bytes;
    }
}

static void shuffle(void)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = random_below((unsigned)i);
        void *block = blocks[i - 1];
        blocks[i - 1] = blocks[other];
        blocks[other] = block;
    }
}

static void free_down_to(size_t left)
{
    while (count > left)
        free(blocks[--count]);
}

static void require_at_most(size_t mib, size_t base_kib)
{
    size_t now_kib = status_kib("RssAnon:");
    if (now_kib > base_kib + mib * 1024)
        FAIL("%zu KiB more than before are resident", now_kib - base_kib);
}

static void all_freed_in_order_leaves_little(void)
{
    size_t base_kib = status_kib("RssAnon:");
    fill(768);
    for (size_t i = 0; i < count; i++)
        free(blocks[i]);
    require_at_most(22, base_kib);
}

static void all_freed_at_random_leaves_little(void)
{
    size_t base_kib = status_kib("RssAnon:");
    fill(768);
    shuffle();
    free_down_to(0);
    require_at_most(22, base_kib);
    fill(768); // and again
    shuffle();
    free_down_to(0);
    require_at_most(22, base_kib);
}

// The pages between the blocks that are left: every other allocator keeps all 768 MiB.
static void pages_between_live_blocks_go_back(void)
{
    size_t base_kib = status_kib("RssAnon:");
    fill(768);
    shuffle();
    free_down_to(count / 10);
    require_at_most(560, base_kib);
    free_down_to(count / 5);
    require_at_most(220, base_kib);
    malloc_trim(0);
    require_at_most(200, base_kib);
}

// Sizes shift: between the blocks of 48 bytes that are left, one in eight, there is room for nearly
// all of those of 64. What is live then is 64 and 400 MiB.
static void sparse_slabs_serve_another_size(void)
{
    enum { FIRST = 11 << 20, SECOND = 400 * (MIB / 64) };
    size_t map_bytes = ((size_t)FIRST + SECOND) * sizeof(void *);
    void **all = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(all != MAP_FAILED);
    memset(all, 1, map_bytes);
    size_t base_kib = status_kib("RssAnon:");
    for (size_t i = 0; i < FIRST; i++)
        memset(all[i] = malloc(48), (int)i, 48);
    for (size_t i = 0; i < FIRST; i++)
        if (random_below(8) > 0) {
            free(all[i]);
            all[i] = NULL;
        }
    for (size_t i = FIRST; i < FIRST + SECOND; i++)
        memset(all[i] = malloc(64), (int)i, 64);
    require_at_most((64 + 400) * 135 / 100, base_kib);
    for (size_t i = 0; i < FIRST + SECOND; i++) {
        size_t size_bytes = i < FIRST ? 48 : 64;
        unsigned char *block = all[i];
        for (size_t j = 0; block && j < size_bytes; j++)
            REQUIRE(block[j] == (unsigned char)i);
        free(block);
    }
    malloc_trim(0);
    require_at_most(16, base_kib);
}

static const struct check table[] = {
    CHECK(all_freed_in_order_leaves_little),
    CHECK(all_freed_at_random_leaves_little),
    CHECK(pages_between_live_blocks_go_back),
    CHECK(sparse_slabs_serve_another_size),
};

int main(int argc, char **argv)
{
    size_t table_bytes = MOST * sizeof *blocks;
    blocks = mmap(NULL, table_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (blocks == MAP_FAILED)
        return 2;
    memset(blocks, 1, table_bytes);
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
