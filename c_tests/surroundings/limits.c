// A process with a limit on its memory: serve what fits, answer ENOMEM beyond it, and go on.
//
//     limits MIX ROAD LIMIT_MIB [GLIBC_MIB]
//
// MIX: small, mixed or large blocks. ROAD: how the limit is set: before the start (RLIMIT_AS, as
// `ulimit -v` does), or inside the running process (as-inside, data-inside). Prints how many MiB
// were served; with GLIBC_MIB, what glibc served under the same limit, it fails under 60 % of that.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const size_t MIB = 1024 * 1024;

// Blocks that are held are chained through their own first word, so that the test needs no memory
// for a list.
struct held {
    struct held *next;
    size_t size_bytes;
};

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static size_t next_size(const char *mix, unsigned number)
{
    static const size_t mixed[] = {24, 100, 1000, 5000, 17, 40000, 300000, 64, 500, 2000000, 12345};
    if (strcmp(mix, "small") == 0)
        return 16 + number * 37 % 1000;
    if (strcmp(mix, "mixed") == 0)
        return mixed[number % (sizeof mixed / sizeof mixed[0])];
    return MIB + number * 4096 % MIB;
}

// Takes blocks until the first refusal; returns their sum. A process that gets far more than its
// limit isn't limited.
static size_t take_all(struct held **all, const char *mix, size_t limit_bytes)
{
    size_t sum = 0;
    for (unsigned number = 0;; number++) {
        size_t size_bytes = next_size(mix, number);
        errno = 0;
        struct held *block = malloc(size_bytes);
        if (!block)
            break;
        block->next = *all;
        block->size_bytes = size_bytes;
        *all = block;
        sum += size_bytes;
        if (sum > limit_bytes + limit_bytes / 8)
            fail("the limit doesn't bind");
    }
    if (errno != ENOMEM)
        fail("null without ENOMEM");
    return sum;
}

static void give_all(struct held **all, size_t expected)
{
    size_t sum = 0;
    while (*all) {
        struct held *block = *all;
        *all = block->next;
        sum += block->size_bytes;
        free(block);
    }
    if (sum != expected)
        fail("a block's bytes have changed");
}

static void set_limit(const char *road, size_t limit_bytes, char **argv)
{
    struct rlimit limit = {limit_bytes, limit_bytes};
    if (setrlimit(strcmp(road, "data-inside") == 0 ? RLIMIT_DATA : RLIMIT_AS, &limit) != 0)
        fail("setrlimit");
    if (strcmp(road, "before") == 0 && !getenv("LIMIT_IS_SET")) {
        putenv("LIMIT_IS_SET=1");
        execv("/proc/self/exe", argv);
        fail("exec");
    }
}

// After the first refusal smaller requests may still fit, all functions must refuse cleanly, and a
// realloc that fails must leave its block.
static void stay_correct_at_the_limit(struct held **all, size_t limit_bytes)
{
    struct held *block = *all;
    if (realloc(block, limit_bytes * 2) || errno != ENOMEM)
        fail("realloc beyond the limit");
    if (calloc(2, limit_bytes) || errno != ENOMEM)
        fail("calloc beyond the limit");
    void *out = NULL;
    if (posix_memalign(&out, 4096, limit_bytes * 2) != ENOMEM)
        fail("posix_memalign beyond the limit");
}

int main(int argc, char **argv)
{
    if (argc < 4)
        fail("usage: limits MIX ROAD LIMIT_MIB [GLIBC_MIB]");
    const char *mix = argv[1];
    size_t limit_bytes = strtoul(argv[3], NULL, 10) * MIB;
    struct held *all = NULL;
    set_limit(argv[2], limit_bytes, argv);
    size_t first = take_all(&all, mix, limit_bytes);
    stay_correct_at_the_limit(&all, limit_bytes);
    give_all(&all, first);
    size_t second = take_all(&all, mix, limit_bytes);
    give_all(&all, second);
    printf("%zu\n", first / MIB);
    if (second < first / 10 * 9)
        fail("less is served after all was freed");
    if (argc > 4 && first / MIB * 100 < strtoul(argv[4], NULL, 10) * 60) {
        fprintf(stderr, "only %zu MiB, glibc serves %s\n", first / MIB, argv[4]);
        return 1;
    }
    return 0;
}
