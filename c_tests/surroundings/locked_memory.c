// mlockall(MCL_FUTURE), as a real-time program does it: every mapping that is made from then on is
// locked and faulted in at once, so a large reservation would fail, or take all memory.

#include "../checks.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { BLOCKS = 4000 };

// 4,000 blocks, 25 MB together, and a large one.
static void *use_heap(void *unused)
{
    static const size_t sizes[] = {24, 100, 1000, 5000, 40, 30000};
    static _Thread_local void *blocks[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(sizes[i % 6]);
        REQUIRE(blocks[i] != NULL);
        fill_block(blocks[i], sizes[i % 6], i);
    }
    void *large = malloc(8000000);
    REQUIRE(large != NULL);
    for (unsigned i = 0; i < BLOCKS; i++) {
        require_filled(blocks[i], sizes[i % 6], i);
        free(blocks[i]);
    }
    free(large);
    return unused;
}

static void lock_memory(int flags)
{
    if (mlockall(flags) != 0)
        skip_check("mlockall is not allowed here");
    size_t before_kib = status_kib("VmRSS:");
    use_heap(NULL);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_create(&threads[i], NULL, use_heap, NULL) == 0);
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    if (status_kib("VmRSS:") > before_kib + 400000) // the threads' stacks are in it
        FAIL("%zu KiB more for 100 MB of blocks", status_kib("VmRSS:") - before_kib);
}

static void mlockall_of_the_future(void)
{
    lock_memory(MCL_FUTURE);
}

static void mlockall_of_all(void)
{
    lock_memory(MCL_CURRENT | MCL_FUTURE);
    REQUIRE(status_kib("VmRSS:") < 700000);
}

static void malloc_trim_under_mlockall(void)
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        skip_check("mlockall is not allowed here");
    use_heap(NULL);
    errno = 1234;
    malloc_trim(0);
    REQUIRE(errno == 1234 ||
            !on_cairn()); // locked pages refuse madvise, and glibc lets that be seen
    use_heap(NULL);
}

static const struct check table[] = {
    CHECK(mlockall_of_the_future),
    CHECK(mlockall_of_all),
    CHECK(malloc_trim_under_mlockall),
};

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
