// Reaching Cairn's own data: where it lies, what stands between it and the program's blocks, and
// whether anything in the program's memory tells where it is.

#include "attacks.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mapping {
    uintptr_t start, end;
    bool is_reserved, is_writable, is_table;
};

// The mappings without a file, in order; those that touch and have the same rights as one. What a
// kernel names "[anon:...]" has no file either.
static size_t read_mappings(FILE *file, struct mapping *found, size_t most)
{
    char line[4500], rights[8], name[4096];
    size_t count = 0;
    while (fgets(line, sizeof line, file)) {
        struct mapping next = {0};
        name[0] = 0;
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %4095s", &next.start, &next.end, rights,
                   name) < 3)
            continue;
        next.is_reserved = strcmp(rights, "---p") == 0;
        next.is_writable = strcmp(rights, "rw-p") == 0;
        bool has_file = name[0] && strncmp(name, "[anon:", 6) != 0;
        if (has_file || !(next.is_reserved || next.is_writable))
            continue;
        struct mapping *last = count ? &found[count - 1] : NULL;
        if (last && last->end == next.start && last->is_writable == next.is_writable)
            last->end = next.end;
        else if (count < most)
            found[count++] = next;
    }
    return count;
}

static struct mapping mappings[4000];

static size_t own_mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    REQUIRE(file != NULL);
    size_t count = read_mappings(file, mappings, sizeof mappings / sizeof mappings[0]);
    fclose(file);
    return count;
}

static bool has_guards(const struct mapping *all, size_t count, size_t index)
{
    const size_t guard_bytes = 2 << 20;
    if (index == 0 || index + 1 == count)
        return false;
    const struct mapping *before = &all[index - 1], *behind = &all[index + 1];
    return before->is_reserved && before->end == all[index].start &&
           before->end - before->start >= guard_bytes && behind->is_reserved &&
           behind->start == all[index].end && behind->end - behind->start >= guard_bytes;
}

static bool touches_reserved(const struct mapping *all, size_t count, size_t index)
{
    return (index > 0 && all[index - 1].is_reserved && all[index - 1].end == all[index].start) ||
           (index + 1 < count && all[index + 1].is_reserved &&
            all[index + 1].start == all[index].end);
}

// Three zones (two of which meet), their tables, and the pool: each stands alone between guards of
// at least 2 MiB.
ATTACK(every_table_lies_between_guards)
{
    static void *blocks[30000];
    for (size_t i = 0; i < 30000; i++)
        blocks[i] = malloc(i % 100 ? i * 17 % 5000 + 1 : 400000);
    size_t count = own_mappings(), guarded = 0;
    for (size_t i = 0; i < count; i++) {
        if (!mappings[i].is_writable || !touches_reserved(mappings, count, i))
            continue;
        if (!has_guards(mappings, count, i))
            FAIL("%lx-%lx has no guard on one side", mappings[i].start, mappings[i].end);
        guarded++;
    }
    REQUIRE(guarded >= 12);
    for (size_t i = 0; i < 30000; i++)
        free(blocks[i]);
}

// Freed memory holds nothing that leads to the heap's tables; nor does fresh memory.
static void require_no_pointer_to_tables(char *start, size_t size_bytes, size_t count)
{
    for (size_t offset = 0; offset + sizeof(uintptr_t) <= size_bytes; offset += sizeof(uintptr_t)) {
        uintptr_t word;
        memcpy(&word, start + offset, sizeof word);
        for (size_t i = 0; i < count; i++)
            if (mappings[i].is_table && word >= mappings[i].start && word < mappings[i].end)
                FAIL("at %p stands a pointer: %lx", (void *)(start + offset), word);
    }
}

// Cairn's mappings with no block in them.
static void find_tables(char **blocks, size_t blocks_count, size_t count)
{
    size_t tables = 0;
    for (size_t i = 0; i < count; i++) {
        struct mapping *mapping = &mappings[i];
        mapping->is_table = mapping->is_writable && touches_reserved(mappings, count, i);
        for (size_t k = 0; k < blocks_count; k++)
            if ((uintptr_t)blocks[k] >= mapping->start && (uintptr_t)blocks[k] < mapping->end)
                mapping->is_table = false;
        tables += mapping->is_table;
    }
    REQUIRE(tables >= 10);
}

ATTACK(freed_memory_tells_nothing)
{
    enum { BLOCKS = 3000 };
    static char *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = opaque_pointer(malloc(i * 7 % 3000 + 1));
    size_t count = own_mappings();
    find_tables(blocks, BLOCKS, count);
    for (size_t i = 0; i < BLOCKS; i++) {
        require_no_pointer_to_tables(blocks[i], i * 7 % 3000 + 1, count);
        memset(blocks[i], 0x33, i * 7 % 3000 + 1);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    for (size_t i = 0; i < BLOCKS; i++)
        require_no_pointer_to_tables(blocks[i], i * 7 % 3000 + 1, count);
}

// Two runs have neither the heap nor the tables in the same place, nor at the same distance.
ATTACK(places_differ_from_run_to_run)
{
    enum { RUNS = 12 };
    uintptr_t first[RUNS], last[RUNS];
    int equal_distances = 0;
    for (int run = 0; run < RUNS; run++) {
        FILE *file = popen("exec cat /proc/self/maps", "r");
        REQUIRE(file != NULL);
        size_t count = read_mappings(file, mappings, sizeof mappings / sizeof mappings[0]);
        REQUIRE(pclose(file) == 0);
        first[run] = last[run] = 0;
        for (size_t i = 0; i < count; i++)
            if (mappings[i].is_writable && touches_reserved(mappings, count, i)) {
                first[run] = first[run] ? first[run] : mappings[i].start;
                last[run] = mappings[i].start;
            }
        REQUIRE(first[run] != 0 && first[run] != last[run]);
        for (int other = 0; other < run; other++)
            if (first[other] == first[run] || last[other] == last[run])
                FAIL("runs %d and %d: %lx %lx, %lx %lx", other, run, first[other], last[other],
                     first[run], last[run]);
            else
                equal_distances += last[other] - first[other] == last[run] - first[run];
    }
    REQUIRE(equal_distances <= 1); // of 66 pairs: by chance it is one in a thousand runs
}

DEFINE_TABLE(metadata_attacks, ENTRY(every_table_lies_between_guards),
             ENTRY(freed_memory_tells_nothing), ENTRY(places_differ_from_run_to_run));
