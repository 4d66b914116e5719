// Writing through a pointer to a freed block, and using stale pointers in calls. In the default
// mode such a write can change nothing but what the memory's next owner finds in it; hardened, it
// is found when the block is to be handed out again. (CWE-416, CWE-457.)

#include "attacks.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Every freed block of a mix of sizes is filled with pointers to the target.
static void spray_freed_blocks(void)
{
    enum { BLOCKS = 4000 };
    static size_t *blocks[BLOCKS];
    forge(&target, 0x71);
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = opaque_pointer(malloc(i * 11 % 3000 + 24));
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    for (size_t i = 0; i < BLOCKS; i++)
        for (int word = 0; word < 3; word++)
            blocks[i][word] = (size_t)&target.chunks[word];
    require_sound_heap(64);
    require_sound_heap(1000);
}

static void check_write_into_every_freed_block(void)
{
    only_on_cairn("on glibc many of them work");
    if (is_hardened())
        require_report_with(spray_freed_blocks, "bytes was written to after free");
    else
        spray_freed_blocks();
}

static void write_one_byte(void)
{
    enum { BLOCKS = 3000 };
    char *block = opaque_pointer(malloc(200));
    free(block);
    block[150] = 1;
    for (int i = 0; i < BLOCKS; i++)
        free(opaque_pointer(malloc(200)));
    require_sound_heap(200);
}

static void check_write_one_byte(void)
{
    only_on_cairn("glibc doesn't look");
    if (is_hardened())
        require_report_with(write_one_byte, "of 208 bytes was written to after free");
    else
        write_one_byte();
}

// Blocks that calloc returns are zero, whatever their last owner still writes before that.
static void write_then_calloc(void)
{
    enum { BLOCKS = 400 };
    static char *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = opaque_pointer(malloc(500));
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    for (int i = 0; i < BLOCKS; i++)
        memset(blocks[i], 0x55, 500);
    for (int i = 0; i < 2 * BLOCKS; i++)
        require_zero(calloc(1, 500), 500);
}

static void check_write_then_calloc(void)
{
    if (is_hardened())
        require_report_with(write_then_calloc, "of 512 bytes was written to after free");
    else if (on_cairn())
        write_then_calloc();
    else
        skip_check("on glibc it breaks the heap");
}

FAULT(stale_pointer_to_realloc)
{
    void *block = opaque_pointer(malloc(200));
    free(block);
    expect("realloc(%p): use of a freed block of 208 bytes", block);
    REQUIRE(realloc(block, 500) == NULL);
}

FAULT(stale_pointer_to_usable_size)
{
    void *block = opaque_pointer(malloc(200));
    free(block);
    expect("malloc_usable_size(%p): use of a freed block of 208 bytes", block);
    REQUIRE(malloc_usable_size(block) == 0);
}

// A pointer that was right before the memory became part of blocks of another size.
static void stale_pointer_into_other_blocks(void)
{
    enum { BLOCKS = 20000 };
    static char *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = opaque_pointer(malloc(120));
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    malloc_trim(0);
    for (int i = 0; i < BLOCKS; i++)
        if (!malloc(696))
            return;
    for (int i = 0; i < BLOCKS; i++)
        if (!is_live(blocks[i]))
            free(blocks[i]);
}

static void check_stale_pointer_into_other_blocks(void)
{
    only_on_cairn("glibc may say nothing");
    require_report_with(stale_pointer_into_other_blocks, ": free(0x");
}

// Hardened, freed blocks rest, and come back in random order: whoever wants to get one back with
// something of his own in it can't foresee when.
static void check_reuse_is_delayed_and_random(void)
{
    enum { ROUNDS = 200, MOST = 2000 };
    size_t distances[ROUNDS], sum = 0, different = 0;
    if (!is_hardened())
        skip_check("only hardened");
    for (int round = 0; round < ROUNDS; round++) {
        void *block = opaque_pointer(malloc(200));
        free(block);
        for (distances[round] = 0; distances[round] < MOST; distances[round]++) {
            void *next = malloc(200);
            bool is_same = next == block;
            free(next);
            if (is_same)
                break;
        }
        sum += distances[round];
        REQUIRE(distances[round] >= 4);
    }
    for (int round = 1; round < ROUNDS; round++)
        different += distances[round] != distances[round - 1];
    REQUIRE(sum / ROUNDS >= 16);
    REQUIRE(different >= ROUNDS / 2);
}

static void check_freed_memory_is_zeroed(void)
{
    if (!is_hardened())
        skip_check("only hardened");
    for (size_t size_bytes = 8; size_bytes <= 200000; size_bytes += size_bytes / 3 + 8) {
        char *block = opaque_pointer(malloc(size_bytes));
        memset(block, 0x5a, size_bytes);
        free(block);
        require_zero(block, size_bytes);
    }
}

#define AS_CHECK(name) {#name, check_##name}

DEFINE_TABLE(after_free_attacks, AS_CHECK(write_into_every_freed_block), AS_CHECK(write_one_byte),
             AS_CHECK(write_then_calloc), ENTRY(stale_pointer_to_realloc),
             ENTRY(stale_pointer_to_usable_size), AS_CHECK(stale_pointer_into_other_blocks),
             AS_CHECK(reuse_is_delayed_and_random), AS_CHECK(freed_memory_is_zeroed));
