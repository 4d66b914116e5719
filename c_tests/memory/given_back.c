// What is freed goes back to the kernel without being asked for: nothing is called after the last
// free. Resident memory is compared with what it was before the blocks.

#include "../checks.h"

#include <malloc.h>
#include <pthread.h>
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

static pthread_barrier_t started, filled, worked, asked;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static bool is_one_by_one;

static void *work_and_idle(void *argument)
{
    enum { COUNT = 2030 }; // 1 MiB
    void *mine[COUNT];
    unsigned random = (unsigned)(size_t)argument * 7919 + 1;
    memset(mine, 0, sizeof mine);
    pthread_barrier_wait(&started);
    if (is_one_by_one)
        pthread_mutex_lock(&turn);
    for (int i = 0; i < COUNT; i++) {
        random = random * 1664525 + 1013904223;
        mine[i] = malloc(16 + (random >> 8) % 1009);
        *(char *)mine[i] = 1;
    }
    if (!is_one_by_one)
        pthread_barrier_wait(&filled);
    for (int i = 0; i < COUNT; i++)
        free(mine[i]);
    if (is_one_by_one)
        pthread_mutex_unlock(&turn);
    pthread_barrier_wait(&worked);
    pthread_barrier_wait(&asked);
    return NULL;
}

// A thousand threads allocate and free 1 MiB each: one after the other, or so that all have their
// blocks at the same time, and what they keep of them lies far apart.
static void require_that_idle_threads_keep_little(bool one_by_one)
{
    enum { THREADS = 1000 };
    is_one_by_one = one_by_one;
    static pthread_t threads[THREADS];
    pthread_barrier_init(&started, NULL, THREADS + 1);
    pthread_barrier_init(&filled, NULL, THREADS);
    pthread_barrier_init(&worked, NULL, THREADS + 1);
    pthread_barrier_init(&asked, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, work_and_idle, (void *)i) == 0);
    pthread_barrier_wait(&started);
    size_t base_kib = status_kib("RssAnon:");
    pthread_barrier_wait(&worked);
    require_at_most(64, base_kib);
    pthread_barrier_wait(&asked);
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
}

static void idle_threads_keep_little(void)
{
    require_that_idle_threads_keep_little(true);
}

static void idle_threads_that_had_much_keep_little(void)
{
    require_that_idle_threads_keep_little(false);
}

static const struct check table[] = {
    CHECK(all_freed_in_order_leaves_little),
    CHECK(all_freed_at_random_leaves_little),
    CHECK(pages_between_live_blocks_go_back),
    CHECK(sparse_slabs_serve_another_size),
    CHECK(idle_threads_keep_little),
    CHECK(idle_threads_that_had_much_keep_little),
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
