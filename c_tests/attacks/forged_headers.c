// Changing what another allocator keeps in front of blocks and inside free ones. Cairn keeps
// nothing there, so the attacks have nothing to change. (The houses of force, lore, einherjar and
// orange; overlapping chunks; unlink; the attacks on unsorted and large bins and on mapped chunks.)
//
// A "header" is the 16 bytes before a block, which here are the end of its neighbour: that one is
// the attacker's own, is never freed, and so isn't found to be overrun when hardened.

#include "attacks.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Blocks of one size, of which some lie directly one behind the other.
enum { ROW = 64 };
static char *row[ROW];

static int by_address(const void *left, const void *right)
{
    char *const *a = left, *const *b = right;
    return (*a > *b) - (*a < *b);
}

// Returns the number of a block of the row behind which its neighbour starts at once.
static int allocate_row(size_t size_bytes, size_t slot_bytes)
{
    for (int i = 0; i < ROW; i++)
        row[i] = opaque_pointer(malloc(size_bytes));
    qsort(row, ROW, sizeof row[0], by_address);
    for (int i = 8; i < ROW - 2; i++)
        if (row[i] + slot_bytes == row[i + 1] && row[i + 1] + slot_bytes == row[i + 2])
            return i;
    FAIL("no blocks of %zu bytes lie one behind the other", slot_bytes);
}

static void set_header(void *block, size_t previous_size, size_t size)
{
    size_t *words = opaque_pointer(block);
    words[-2] = previous_size;
    words[-1] = size;
}

// Sizes that claim more than the block has, less, nothing, everything, and glibc's three flags.
static void free_with_a_forged_size(size_t forged)
{
    int at = allocate_row(200, 208);
    char *attacked = row[at + 1], *behind = row[at + 2];
    keep(behind, 200);
    set_header(attacked, 0, forged);
    REQUIRE(malloc_usable_size(attacked) == (is_hardened() ? 200 : 208));
    free(attacked);
    require_sound_heap(forged < 100000 ? forged : 1000);
    require_sound_heap(200);
}

ATTACK(size_that_covers_the_neighbour) { free_with_a_forged_size(0x1a1); }
ATTACK(size_that_covers_many) { free_with_a_forged_size(0x2001); }
ATTACK(size_of_zero) { free_with_a_forged_size(0); }
ATTACK(size_of_everything) { free_with_a_forged_size(SIZE_MAX); }
ATTACK(size_with_the_flag_of_a_mapping) { free_with_a_forged_size(0x10002); }
ATTACK(size_with_the_flag_of_another_arena) { free_with_a_forged_size(0xd5); }

// "House of einherjar": the attacked chunk claims that the one before it is free, and how long.
ATTACK(previous_size_that_covers_a_live_block)
{
    int at = allocate_row(200, 208);
    set_header(row[at + 1], 2 * 208, 0xd0);
    keep(row[at - 1], 200);
    free(row[at + 1]);
    require_sound_heap(200);
    require_sound_heap(600);
}

// "House of force": the top chunk claims all memory, and a huge request is to wrap around.
ATTACK(top_that_claims_everything)
{
    size_t *block = opaque_pointer(malloc(1000));
    memset(block, 0xff, is_hardened() ? 1000 : 1008);
    REQUIRE(malloc(opaque_size((size_t)&target - (size_t)block - 64)) == NULL ||
            (size_t)&target < (size_t)block);
    REQUIRE(malloc(opaque_size(SIZE_MAX - 0x1000)) == NULL);
    require_sound_heap(1000);
}

// "House of orange": the top chunk claims to be short, so that it is freed when it is outgrown.
ATTACK(top_that_claims_to_be_short)
{
    size_t *block = opaque_pointer(malloc(1000));
    set_header((char *)block + 1008, 0, 0xc01);
    block = opaque_pointer(malloc(0x1000));
    require_sound_heap(0xbf0);
}

// A large block's header with a forged length, which glibc would unmap.
ATTACK(mapping_with_a_forged_length)
{
    char *blocks[3];
    for (int i = 0; i < 3; i++) {
        blocks[i] = opaque_pointer(malloc(500000));
        memset(blocks[i], i, 500000);
    }
    keep(blocks[0], 500000);
    keep(blocks[2], 500000);
    // What would be the header belongs to nobody, or can't be written at all.
    char *low = blocks[1];
    for (int i = 0; i < 3; i++)
        low = blocks[i] < low ? blocks[i] : low;
    if (blocks[1] != low && !is_hardened())
        set_header(blocks[1], 0, 0x200002);
    free(blocks[1]);
    require_sound_heap(500000);
}

// Chunks of every kind behind and inside freed blocks, all linked to the target.
static void poison_freed_blocks(size_t size_bytes, size_t slot_bytes, size_t forged)
{
    (void)allocate_row(size_bytes, slot_bytes);
    forge(&target, forged);
    for (int i = 0; i < ROW; i++)
        free(row[i]);
    for (int i = 0; i < ROW; i++)
        for (size_t offset = 0; offset + sizeof(void *) <= size_bytes; offset += sizeof(void *))
            memcpy(row[i] + offset, &(void *){&target.chunks[i % 16]}, sizeof(void *));
    require_sound_heap(size_bytes);
}

// Hardened, the change itself is found when the block is to be handed out again.
#define POISON(name, size_bytes, slot_bytes, forged)                                         \
    static void name(void)                                                                   \
    {                                                                                        \
        poison_freed_blocks(size_bytes, slot_bytes, forged);                                 \
    }                                                                                        \
    static void check_##name(void)                                                           \
    {                                                                                        \
        only_on_cairn("on glibc many of them work");                                         \
        if (is_hardened())                                                                   \
            require_report_with(name, "of " #slot_bytes " bytes was written to after free"); \
        else                                                                                 \
            name();                                                                          \
    }

POISON(poison_the_links_of_tcache, 24, 32, 0x31)
POISON(poison_the_links_of_a_fast_bin, 104, 112, 0x71)
POISON(poison_the_links_of_the_unsorted_bin, 200, 208, 0xd1)
POISON(poison_the_links_of_a_small_bin, 600, 608, 0x261)
POISON(poison_the_links_of_a_large_bin, 2000, 2048, 0x801)
POISON(poison_the_links_of_a_medium_block, 20000, 20480, 0x5001)

DEFINE_TABLE(forged_header_attacks, ENTRY(size_that_covers_the_neighbour),
             ENTRY(size_that_covers_many), ENTRY(size_of_zero), ENTRY(size_of_everything),
             ENTRY(size_with_the_flag_of_a_mapping), ENTRY(size_with_the_flag_of_another_arena),
             ENTRY(previous_size_that_covers_a_live_block), ENTRY(top_that_claims_everything),
             ENTRY(top_that_claims_to_be_short), ENTRY(mapping_with_a_forged_length),
             ENTRY(poison_the_links_of_tcache), ENTRY(poison_the_links_of_a_fast_bin),
             ENTRY(poison_the_links_of_the_unsorted_bin), ENTRY(poison_the_links_of_a_small_bin),
             ENTRY(poison_the_links_of_a_large_bin), ENTRY(poison_the_links_of_a_medium_block));
