// The figures of the heap agree with each other, and with what the kernel says in
// /proc/self/smaps of the mappings that blocks lie in.

#include "../checks.h"

#include "../../include/cairn.h"
#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define REQUIRE_EQUAL(a, b)                                             \
    do {                                                                 \
        size_t left = (a), right = (b);                                  \
        if (left != right)                                               \
            FAIL(#a " is %zu, " #b " is %zu", left, right);             \
    } while (0)

enum { COUNT = 300000, LARGE = 40, LARGE_BYTES = 1 << 20, CLASSES = 256 };

static void **blocks;
static unsigned random_state = 1;

static unsigned random_below(unsigned bound)
{
    random_state = random_state * 1664525 + 1013904223;
    return (unsigned)(((size_t)random_state * bound) >> 32);
}

static void *must_find(const char *name)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    REQUIRE(found != NULL);
    return found;
}

static struct cairn_stats stats(void)
{
    struct cairn_stats stats;
    ((void (*)(struct cairn_stats *))must_find("cairn_stats_read"))(&stats);
    return stats;
}

static size_t read_classes(struct cairn_class_stats *out, size_t count)
{
    typedef size_t read_classes_call(struct cairn_class_stats *, size_t);
    return ((read_classes_call *)must_find("cairn_stats_read_classes"))(out, count);
}

static void *written(size_t size_bytes)
{
    void *block = malloc(size_bytes);
    REQUIRE(block != NULL);
    return memset(block, 1, size_bytes);
}

// Blocks of all sizes, of which some are freed: `share` in eight.
static void make_heap(unsigned share)
{
    for (size_t i = 0; i < COUNT; i++)
        blocks[i] = written(i % 100 ? 1 + random_below(1024) : 1 + random_below(64 << 10));
    for (size_t i = 0; i < LARGE; i++)
        blocks[COUNT + i] = written(LARGE_BYTES);
    for (size_t i = 0; i < COUNT + LARGE; i++)
        if (random_below(8) < share) {
            free(blocks[i]);
            blocks[i] = NULL;
        }
}

static void what_is_alive_is_exact(void)
{
    struct cairn_stats before = stats();
    make_heap(3);
    size_t bytes = 0, count = 0, large = 0;
    for (size_t i = 0; i < COUNT + LARGE; i++)
        if (blocks[i]) {
            size_t usable = malloc_usable_size(blocks[i]);
            bytes += usable;
            count++;
            large += usable > 256 << 10;
        }
    struct cairn_stats after = stats();
    REQUIRE_EQUAL(bytes, after.live_bytes - before.live_bytes);
    REQUIRE_EQUAL(count, after.live_blocks - before.live_blocks);
    REQUIRE_EQUAL(large, after.large_blocks - before.large_blocks);
}

static void classes_add_up(void)
{
    static struct cairn_class_stats classes[CLASSES];
    make_heap(5);
    struct cairn_stats whole = stats();
    size_t count = read_classes(classes, CLASSES);
    REQUIRE(count > 60 && count < CLASSES);
    size_t bytes = whole.large_bytes, live = whole.large_blocks, cached = 0, free_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        REQUIRE(i == 0 || classes[i].block_bytes > classes[i - 1].block_bytes);
        bytes += classes[i].live_blocks * classes[i].block_bytes;
        live += classes[i].live_blocks;
        cached += classes[i].cached_blocks * classes[i].block_bytes;
        free_bytes += classes[i].free_blocks * classes[i].block_bytes;
    }
    REQUIRE_EQUAL(bytes, whole.live_bytes);
    REQUIRE_EQUAL(live, whole.live_blocks);
    // Nothing is carved here, so what is cached and free is of one class each.
    REQUIRE_EQUAL(cached, whole.cached_bytes);
    REQUIRE_EQUAL(free_bytes, whole.slab_free_bytes);
}

static void mallinfo2_and_malloc_info_say_the_same(void)
{
    static char text[1 << 16];
    make_heap(3);
    FILE *stream = fmemopen(text, sizeof text, "w");
    REQUIRE(stream != NULL);
    setvbuf(stream, NULL, _IONBF, 0);
    struct cairn_stats whole = stats();
    struct mallinfo2 info = mallinfo2();
    REQUIRE(malloc_info(0, stream) == 0);
    fclose(stream);
    REQUIRE_EQUAL(info.uordblks + info.hblkhd, whole.live_bytes);
    REQUIRE_EQUAL(info.hblks, whole.large_blocks);
    REQUIRE_EQUAL(info.arena + info.hblkhd, whole.committed_bytes);
    REQUIRE_EQUAL(info.keepcost, whole.dirty_bytes);
    static const char *const names[] = {"current", "reserved", "cached", "dirty", "purged", "metadata"};
    const size_t figures[] = {whole.committed_bytes, whole.reserved_bytes, whole.cached_bytes,
                              whole.dirty_bytes, whole.purged_bytes, whole.metadata_bytes};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        char line[100];
        snprintf(line, sizeof line, "<system type=\"%s\" size=\"%zu\"/>", names[i], figures[i]);
        if (!strstr(text, line))
            FAIL("malloc_info doesn't say %s", line);
    }
}

// Resident bytes of the writable mappings in a row around a block: those of the zones, which lie in
// one range of addresses.
static size_t resident_around(const void *block)
{
    enum { MOST = 4096 };
    static struct { size_t start, end, resident; } maps[MOST];
    size_t count = 0, middle = 0, total;
    char line[512];
    FILE *smaps = fopen("/proc/self/smaps", "r");
    REQUIRE(smaps != NULL);
    while (fgets(line, sizeof line, smaps) && count < MOST) {
        size_t start, end, kib;
        if (sscanf(line, "%zx-%zx ", &start, &end) == 2) {
            maps[count].start = start;
            maps[count++].end = end;
        } else if (count && sscanf(line, "Rss: %zu kB", &kib) == 1) {
            maps[count - 1].resident = kib << 10;
        }
    }
    fclose(smaps);
    while (middle < count && maps[middle].end <= (size_t)block)
        middle++;
    REQUIRE(middle < count && maps[middle].start <= (size_t)block);
    total = maps[middle].resident;
    for (size_t i = middle; i > 0 && maps[i - 1].end == maps[i].start; i--)
        total += maps[i - 1].resident;
    for (size_t i = middle; i + 1 < count && maps[i].end == maps[i + 1].start; i++)
        total += maps[i + 1].resident;
    return total;
}

// What is committed and not purged is resident, but for what was never written (ends of slabs, what
// was made ready and not used yet), and for huge pages, which may bring more than was touched.
static void require_that_the_kernel_agrees(const void *block)
{
    struct cairn_stats whole = stats();
    size_t expected = whole.committed_bytes - whole.purged_bytes;
    size_t resident = resident_around(block), slack = 8 << 20;
    if (resident > expected + slack || resident + slack < expected)
        FAIL("%zu bytes resident, %zu committed and not purged", resident, expected);
}

static void the_kernel_agrees(void)
{
    void *block = written(64);
    make_heap(0);
    require_that_the_kernel_agrees(block);
    for (size_t i = 0; i < COUNT + LARGE; i++)
        if (random_below(8) > 0) {
            free(blocks[i]);
            blocks[i] = NULL;
        }
    require_that_the_kernel_agrees(block);
    struct cairn_stats whole = stats();
    REQUIRE(whole.slab_purged_bytes > 16 << 20 && whole.purged_bytes > whole.slab_purged_bytes);
    malloc_trim(0);
    require_that_the_kernel_agrees(block);
}

static const struct check table[] = {
    CHECK(what_is_alive_is_exact),
    CHECK(classes_add_up),
    CHECK(mallinfo2_and_malloc_info_say_the_same),
    CHECK(the_kernel_agrees),
};

int main(int argc, char **argv)
{
    size_t table_bytes = (COUNT + LARGE) * sizeof *blocks;
    blocks = mmap(NULL, table_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (blocks == MAP_FAILED)
        return 2;
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
