// Two million live blocks, or as many as C_TESTS_CHECK_BLOCKS says; then a write past the last one.
// The checker's own memory is bounded: 400 bytes a block, and 512 MiB
// for what it keeps back and guards.
// cairn: overrun|invalid-write block=40 where=after:0 at=BUG|FREE alloc=ALLOC
// valgrind: noisy

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

int main(void)
{
    const char *wanted = getenv("C_TESTS_CHECK_BLOCKS");
    size_t count = wanted ? strtoul(wanted, NULL, 10) : 2000000;
    char **blocks = calloc(count, sizeof *blocks);
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(40); // ALLOC
        if (!blocks[i])
            return fprintf(stderr, "no memory for block %zu\n", i);
        memset(blocks[i], 'x', 40);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    size_t resident = (size_t)usage.ru_maxrss * 1024, bound = count * 448 + (512u << 20);
    if (resident > bound) {
        fprintf(stderr, "resident: %zu MiB, more than %zu\n", resident >> 20, bound >> 20);
        return 3;
    }
    blocks[count - 1][40] = 'x'; // BUG
    for (size_t i = 0; i < count; i++)
        free(blocks[i]); // FREE
    free(blocks);
    return 0;
}
