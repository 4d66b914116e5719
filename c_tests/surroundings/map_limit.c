// The program has used up the kernel's number of mappings (65,530 by default): every call that
// would split or add one fails. Serve what fits, ENOMEM beyond, frees still work, and all is well
// again when there are mappings.

#include "../checks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { KEPT = 60, KEPT_BYTES = 700000, LARGEST_LIMIT = 300000 };

static char *hoard;
static size_t hoard_bytes;

// One reservation, in which every second page gets another protection: two mappings for each such
// page.
static void use_up_all_mappings(void)
{
    long limit = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    REQUIRE(file && fscanf(file, "%ld", &limit) == 1);
    fclose(file);
    if (limit > LARGEST_LIMIT)
        skip_check("vm.max_map_count is too large here to use it up");
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    hoard_bytes = ((size_t)limit + 10) * page_bytes;
    hoard = mmap(NULL, hoard_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(hoard != MAP_FAILED);
    for (size_t offset = page_bytes; offset < hoard_bytes; offset += 2 * page_bytes)
        if (mprotect(hoard + offset, page_bytes, PROT_READ) != 0)
            break;
    for (int i = 0; i < 4; i++) // and the last one or two, which a split alone can't take
        if (mmap(NULL, page_bytes, PROT_WRITE << (i & 1), MAP_SHARED | MAP_ANONYMOUS, -1, 0) ==
            MAP_FAILED)
            break;
    REQUIRE(mmap(NULL, page_bytes, PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}

static void try_all_sizes(bool all_must_fit)
{
    for (int round = 0; round < 3; round++)
        for (size_t size_bytes = 16; size_bytes <= (size_t)16 << 20;
             size_bytes = size_bytes * 3 / 2) {
            errno = 1234;
            char *block = malloc(size_bytes);
            if (!block) {
                REQUIRE(errno == ENOMEM && !all_must_fit);
                continue;
            }
            REQUIRE(errno == 1234);
            block[0] = block[size_bytes - 1] = 1;
            char *larger = realloc(block, size_bytes * 2);
            REQUIRE(larger || (errno == ENOMEM && !all_must_fit));
            errno = 1234;
            free(larger ? larger : block);
            REQUIRE(errno == 1234);
        }
}

static void all_mappings_used_up(void)
{
    void *kept[KEPT];
    for (unsigned i = 0; i < KEPT; i++) {
        kept[i] = malloc(KEPT_BYTES);
        REQUIRE(kept[i] != NULL);
        fill_block(kept[i], KEPT_BYTES, i);
    }
    use_up_all_mappings();
    errno = 1234;
    for (unsigned i = 0; i < KEPT; i += 2) // would leave a hole between two live ones
        free(kept[i]);
    REQUIRE(errno == 1234);
    for (unsigned i = 1; i < KEPT; i += 2)
        require_filled(kept[i], KEPT_BYTES, i);
    try_all_sizes(false);
    REQUIRE(munmap(hoard, hoard_bytes) == 0);
    try_all_sizes(true);
    for (unsigned i = 1; i < KEPT; i += 2) {
        require_filled(kept[i], KEPT_BYTES, i);
        free(kept[i]);
    }
    try_all_sizes(true);
}

static void small_blocks_with_all_mappings_used_up(void)
{
    enum { BLOCKS = 20000 };
    static void *blocks[BLOCKS];
    use_up_all_mappings();
    size_t served = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        errno = 0;
        blocks[i] = malloc(i % 200 + 1);
        REQUIRE(blocks[i] || errno == ENOMEM);
        served += blocks[i] != NULL;
        if (blocks[i])
            fill_block(blocks[i], i % 200 + 1, i);
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i])
            require_filled(blocks[i], i % 200 + 1, i);
        free(blocks[i]);
    }
    REQUIRE(munmap(hoard, hoard_bytes) == 0);
    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(i % 200 + 1);
        REQUIRE(blocks[i] != NULL);
    }
    REQUIRE(served > 0);
}

static const struct check table[] = {
    CHECK(all_mappings_used_up),
    CHECK(small_blocks_with_all_mappings_used_up),
};

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
