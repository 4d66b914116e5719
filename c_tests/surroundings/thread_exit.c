// What happens at the end of a thread: destructors of thread-specific data allocate and free in
// several rounds, the loader frees the thread's storage after them, and what the thread had cached
// comes back.

#include "../checks.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 300, ROUNDS = 4 };

static pthread_key_t keys[3];
static atomic_uint destructor_calls;
static char *(*plugin_storage)(void);

// A block that knows in which round of destructors it will be freed for good.
struct round_block {
    size_t key;
    int round;
    char bytes[200];
};

static struct round_block *new_round_block(size_t key, int round)
{
    struct round_block *block = malloc(sizeof *block + (size_t)round * 3000);
    REQUIRE(block != NULL);
    block->key = key;
    block->round = round;
    fill_block(block->bytes, sizeof block->bytes, (unsigned)round);
    return block;
}

static void destroy(void *value)
{
    struct round_block *block = value;
    destructor_calls++;
    require_filled(block->bytes, sizeof block->bytes, (unsigned)block->round);
    if (block->round < ROUNDS)
        pthread_setspecific(keys[block->key], new_round_block(block->key, block->round + 1));
    free(malloc(70000));
    free(block);
}

static void *live_with_thread_data(void *unused)
{
    for (size_t key = 0; key < 3; key++)
        pthread_setspecific(keys[key], new_round_block(key, 1));
    if (plugin_storage)
        REQUIRE(plugin_storage()[0] == 1); // makes the loader allocate
    (void)unused;
    return malloc(300); // outlives its thread
}

static void run_threads(void)
{
    REQUIRE(ROUNDS <= PTHREAD_DESTRUCTOR_ITERATIONS);
    for (size_t key = 0; key < 3; key++)
        REQUIRE(pthread_key_create(&keys[key], destroy) == 0);
    for (int i = 0; i < THREADS; i += 4) {
        pthread_t threads[4];
        for (int j = 0; j < 4; j++)
            REQUIRE(pthread_create(&threads[j], NULL, live_with_thread_data, NULL) == 0);
        for (int j = 0; j < 4; j++) {
            void *block = NULL;
            REQUIRE(pthread_join(threads[j], &block) == 0);
            memset(block, 1, 300);
            free(block);
        }
    }
    REQUIRE(destructor_calls == THREADS * 3 * ROUNDS);
}

static void destructors_of_thread_data_allocate_and_free(void)
{
    run_threads();
}

static void the_loader_frees_thread_storage_after_them(void)
{
    void *plugin = dlopen(getenv("C_TESTS_THREAD_LOCAL_PLUGIN"), RTLD_NOW);
    REQUIRE(plugin != NULL);
    plugin_storage = (char *(*)(void))dlsym(plugin, "plugin_storage");
    REQUIRE(plugin_storage != NULL);
    run_threads();
    REQUIRE(dlclose(plugin) == 0);
}

static void *fill_caches(void *unused)
{
    enum { BLOCKS = 4000 };
    void **blocks = malloc(BLOCKS * sizeof *blocks);
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(i % 64 * 64 + 1);
        REQUIRE(blocks[i] != NULL);
        memset(blocks[i], 1, i % 64 * 64 + 1);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    free(blocks);
    return unused;
}

static void run_one_thread(void *(*life)(void *))
{
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, life, NULL) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
}

// Each thread uses 8 MB. If a dying thread kept what it cached, 1,000 of them would show.
static void a_dying_thread_returns_what_it_cached(void)
{
    for (int i = 0; i < 20; i++)
        run_one_thread(fill_caches);
    size_t before_kib = status_kib("VmRSS:");
    for (int i = 0; i < 1000; i++)
        run_one_thread(fill_caches);
    if (status_kib("VmRSS:") > before_kib + 16384)
        FAIL("%zu KiB more after 1,000 threads", status_kib("VmRSS:") - before_kib);
}

static void *keep_one_block(void *slot)
{
    *(void **)slot = malloc(1000);
    return NULL;
}

static void blocks_of_dead_threads_can_be_freed(void)
{
    static void *blocks[500];
    for (int i = 0; i < 500; i++) {
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, keep_one_block, &blocks[i]) == 0);
        REQUIRE(pthread_join(thread, NULL) == 0);
        fill_block(blocks[i], 1000, (unsigned)i);
    }
    for (int i = 0; i < 500; i++) {
        require_filled(blocks[i], 1000, (unsigned)i);
        free(blocks[i]);
    }
}

static const struct check table[] = {
    CHECK(destructors_of_thread_data_allocate_and_free),
    CHECK(the_loader_frees_thread_storage_after_them),
    CHECK(a_dying_thread_returns_what_it_cached),
    CHECK(blocks_of_dead_threads_can_be_freed),
};

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
