// Forks while other threads are created, end and allocate. The child allocates, frees blocks of the
// parent, and at times starts a thread. A child that hangs is ended by SIGALRM, and said.
//
// Two sets of atfork handlers allocate as well: one registered before any constructor, so that its
// prepare handler runs when the library's own has already taken the locks, and one registered late,
// which runs before it.

#include "../checks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FORKS = 5000, FORKS_SAMPLED = 1500, CHILD_SECONDS = 30 };

static atomic_bool stop;
static atomic_uint handler_calls;
static bool handlers_on;

static void allocate_a_little(unsigned seed)
{
    void *blocks[20];
    for (unsigned i = 0; i < 20; i++) {
        size_t size_bytes = (seed * 7919 + i * i * 611) % 20000 + 1;
        blocks[i] = malloc(size_bytes);
        REQUIRE(blocks[i] != NULL);
        memset(blocks[i], (int)i, size_bytes);
    }
    for (unsigned i = 0; i < 20; i++)
        free(blocks[i]);
}

static void in_handler(void)
{
    if (!handlers_on)
        return;
    unsigned calls = atomic_fetch_add(&handler_calls, 1);
    allocate_a_little(calls);
    free(malloc(400000)); // the large ones have a lock of their own
}

static void register_early(void)
{
    pthread_atfork(in_handler, in_handler, in_handler);
}

__attribute__((section(".preinit_array"), used)) static void (*const hook)(void) = register_early;

static void *allocate_all_the_time(void *unused)
{
    for (unsigned seed = 0; !stop; seed++)
        allocate_a_little(seed);
    return unused;
}

static void *short_life(void *block)
{
    free(block);
    allocate_a_little(3);
    return malloc(100); // freed by the thread that joins
}

static void *create_threads_all_the_time(void *unused)
{
    while (!stop) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++)
            REQUIRE(pthread_create(&threads[i], NULL, short_life, malloc(500)) == 0);
        for (int i = 0; i < 4; i++) {
            void *block = NULL;
            pthread_join(threads[i], &block);
            free(block);
        }
    }
    return unused;
}

static void live_as_child(unsigned number, void *parents_block)
{
    alarm(CHILD_SECONDS);
    allocate_a_little(number);
    free(parents_block);
    if (number % 16 == 0) {
        pthread_t thread;
        void *block = NULL;
        REQUIRE(pthread_create(&thread, NULL, short_life, malloc(500)) == 0);
        REQUIRE(pthread_join(thread, &block) == 0);
        free(block);
    }
    _exit(0);
}

static void storm(unsigned count)
{
    pthread_t threads[3];
    REQUIRE(pthread_create(&threads[0], NULL, create_threads_all_the_time, NULL) == 0);
    REQUIRE(pthread_create(&threads[1], NULL, allocate_all_the_time, NULL) == 0);
    REQUIRE(pthread_create(&threads[2], NULL, allocate_all_the_time, NULL) == 0);
    for (unsigned number = 0; number < count; number++) {
        void *block = malloc(number % 3000 + 1);
        alarm(CHILD_SECONDS * 2); // moves the hang bound of the parent along
        pid_t child = fork();
        if (child == 0)
            live_as_child(number, block);
        require_child_ok(child, "fork in a threaded process");
        free(block);
    }
    stop = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

// glibc's own forks are not the subject.
static unsigned forks(void)
{
    if (!on_cairn())
        return FORKS / 50;
    return getenv("C_TESTS_ALL") ? FORKS : FORKS_SAMPLED;
}

static void fork_while_threads_come_and_go(void)
{
    storm(forks());
}

static void fork_with_handlers_that_allocate(void)
{
    handlers_on = true;
    pthread_atfork(in_handler, in_handler, in_handler);
    storm(forks() / 5);
    REQUIRE(handler_calls >= 2 * 2 * (forks() / 5)); // both sets, prepare and parent
}

static void fork_of_a_fork(void)
{
    for (int i = 0; i < 100; i++) {
        pid_t child = fork();
        if (child == 0) {
            allocate_a_little((unsigned)i);
            pid_t grandchild = fork();
            if (grandchild == 0)
                live_as_child(16 * (unsigned)i, malloc(100));
            require_child_ok(grandchild, "grandchild");
            _exit(0);
        }
        require_child_ok(child, "child of a single thread");
    }
}

static const struct check table[] = {
    CHECK(fork_while_threads_come_and_go),
    CHECK(fork_with_handlers_that_allocate),
    CHECK(fork_of_a_fork),
};

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
