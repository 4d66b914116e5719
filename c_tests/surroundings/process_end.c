// The end of a process: exit while other threads allocate, atexit handlers that allocate and free
// late.

#include "../checks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENDS = 100, THREADS = 6 };

static void *late_block;
static atomic_int threads_running;

static void *allocate_for_ever(void *unused)
{
    threads_running++;
    for (unsigned i = 0;; i++) {
        void *small = malloc(i % 3000 + 1), *large = malloc(i % 100 == 0 ? 500000 : 50);
        REQUIRE(small && large);
        free(large);
        free(small);
    }
    return unused;
}

static void allocate_late(void)
{
    require_filled(late_block, 3000, 1);
    free(late_block);
    late_block = realloc(malloc(100), 70000);
    REQUIRE(late_block != NULL);
    memset(late_block, 1, 70000);
}

static void start_threads_and_exit(int number)
{
    late_block = malloc(3000);
    fill_block(late_block, 3000, 1);
    atexit(allocate_late);
    alarm(30);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, allocate_for_ever, NULL) == 0);
    }
    while (threads_running <
           number % (THREADS + 1)) // exits at different moments of the threads' start
        ;
    exit(0);
}

static void exit_with_running_threads(void)
{
    for (int number = 0; number < ENDS; number++) {
        pid_t child = fork();
        if (child == 0)
            start_threads_and_exit(number);
        require_child_ok(child, "exit");
    }
}

static void *end_process(void *unused)
{
    alarm(30);
    late_block = malloc(3000);
    fill_block(late_block, 3000, 1);
    atexit(allocate_late);
    exit(0);
    return unused;
}

static void exit_from_another_thread(void)
{
    for (int number = 0; number < ENDS; number++) {
        pid_t child = fork();
        if (child == 0) {
            pthread_t thread;
            REQUIRE(pthread_create(&thread, NULL, end_process, NULL) == 0);
            allocate_for_ever(NULL);
        }
        require_child_ok(child, "exit from a thread");
    }
}

static void *last_thread(void *block)
{
    free(block);
    late_block = malloc(3000);
    fill_block(late_block, 3000, 1);
    atexit(allocate_late);
    return NULL; // the last thread's end is the end of the process, with its handlers
}

static void main_thread_ends_before_the_others(void)
{
    for (int number = 0; number < ENDS; number++) {
        pid_t child = fork();
        if (child == 0) {
            pthread_t thread;
            alarm(30);
            REQUIRE(pthread_create(&thread, NULL, last_thread, malloc(500)) == 0);
            pthread_exit(NULL);
        }
        require_child_ok(child, "pthread_exit of the main thread");
    }
}

static const struct check table[] = {
    CHECK(exit_with_running_threads),
    CHECK(exit_from_another_thread),
    CHECK(main_thread_ends_before_the_others),
};

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
