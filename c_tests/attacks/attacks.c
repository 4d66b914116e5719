// See attacks.h.

#include "attacks.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PROBES = 6000, OF_ATTACKED_SIZE = 2000, KEPT_MAX = 64 };

struct block {
    unsigned char *start;
    size_t size_bytes;
};

struct target target;
static struct block kept[KEPT_MAX];
static size_t kept_count;

bool is_hardened(void)
{
    const char *options = getenv("CAIRN_OPTIONS");
    return options && strstr(options, "harden=1");
}

void forge(struct target *place, size_t size)
{
    size_t count = sizeof place->chunks / sizeof place->chunks[0];
    for (size_t i = 0; i < count; i++) {
        struct chunk *chunk = &place->chunks[i];
        *chunk = (struct chunk){size & ~7UL, size, chunk, chunk, chunk, chunk};
    }
}

void keep(void *block, size_t size_bytes)
{
    REQUIRE(block && kept_count < KEPT_MAX);
    fill_block(block, size_bytes, (unsigned)kept_count);
    kept[kept_count++] = (struct block){block, size_bytes};
}

bool is_live(const void *address)
{
    bool (*cairn_is_live)(const void *) =
        (bool (*)(const void *))dlsym(RTLD_DEFAULT, "cairn_is_live");
    REQUIRE(cairn_is_live != NULL);
    return cairn_is_live(address);
}

void validate(void)
{
    void (*cairn_validate)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "cairn_validate");
    REQUIRE(cairn_validate != NULL);
    cairn_validate();
}

static int by_start(const void *left, const void *right)
{
    const struct block *a = left, *b = right;
    return (a->start > b->start) - (a->start < b->start);
}

static size_t probe_size(size_t number, size_t size_bytes)
{
    if (number < OF_ATTACKED_SIZE)
        return size_bytes;
    if (number % 97 == 0)
        return 300000 + number; // large ones
    return number % 5 ? number * 7 % 1008 + 1 : number * 13 % 40000 + 1;
}

static void require_apart(struct block *blocks, size_t count)
{
    qsort(blocks, count, sizeof *blocks, by_start);
    for (size_t i = 1; i < count; i++)
        if (blocks[i - 1].start + blocks[i - 1].size_bytes > blocks[i].start)
            FAIL("blocks overlap: %p of %zu bytes and %p", (void *)blocks[i - 1].start,
                 blocks[i - 1].size_bytes, (void *)blocks[i].start);
}

static void require_not_on_the_stack(const struct block *block)
{
    const size_t far = 64 << 20;
    uintptr_t here = (uintptr_t)&block, start = (uintptr_t)block->start;
    REQUIRE(start + far < here || start > here + far);
}

void require_sound_heap(size_t size_bytes)
{
    static struct block blocks[PROBES + KEPT_MAX + 1];
    size_t count = 0;
    for (; count < PROBES; count++) {
        struct block *block = &blocks[count];
        *block = (struct block){NULL, probe_size(count, size_bytes)};
        block->start = malloc(block->size_bytes);
        REQUIRE(block->start != NULL);
        require_not_on_the_stack(block);
        memset(block->start, (int)count, block->size_bytes);
    }
    for (size_t i = 0; i < kept_count; i++) {
        require_filled(kept[i].start, kept[i].size_bytes, (unsigned)i);
        blocks[count++] = kept[i];
    }
    blocks[count++] = (struct block){(unsigned char *)&target, sizeof target};
    require_apart(blocks, count);
    validate();
    for (size_t i = 0; i < count; i++) {
        bool is_kept = blocks[i].start == (unsigned char *)&target;
        for (size_t k = 0; k < kept_count; k++)
            is_kept |= blocks[i].start == kept[k].start;
        if (!is_kept)
            free(blocks[i].start);
    }
    validate();
}

int main(int argc, char **argv)
{
    static struct check all[100];
    size_t count = 0;
#define ADD(table)                                             \
    memcpy(all + count, table, table##_count * sizeof all[0]); \
    count += table##_count
    ADD(double_free_attacks);
    ADD(racing_free_attacks);
    ADD(forged_block_attacks);
    ADD(forged_header_attacks);
    ADD(overflow_attacks);
    ADD(after_free_attacks);
    ADD(metadata_attacks);
    return run_checks(all, count, argc, argv);
}
