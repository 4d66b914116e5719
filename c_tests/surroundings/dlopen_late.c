// The library opened late, in a process that has lived on glibc's heap so far: C_TESTS_LIBRARY
// names it. On glibc itself the test opens libc.so.6, which proves the test.

#include "../checks.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *(*late_malloc)(size_t);
static void *(*late_realloc)(void *, size_t);
static void (*late_free)(void *);
static size_t (*late_usable_size)(void *);

static void *open_library(int flags)
{
    const char *path = getenv("C_TESTS_LIBRARY");
    REQUIRE(path != NULL);
    void *library = dlopen(path, flags);
    if (!library)
        FAIL("%s", dlerror());
    late_malloc = (void *(*)(size_t))dlsym(library, "malloc");
    late_realloc = (void *(*)(void *, size_t))dlsym(library, "realloc");
    late_free = (void (*)(void *))dlsym(library, "free");
    late_usable_size = (size_t (*)(void *))dlsym(library, "malloc_usable_size");
    REQUIRE(late_malloc && late_realloc && late_free && late_usable_size);
    return library;
}

static void *use_late_heap(void *unused)
{
    enum { BLOCKS = 500 };
    void *blocks[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i] = late_malloc(i * 13 + 1);
        REQUIRE(blocks[i] && (uintptr_t)blocks[i] % 16 == 0);
        fill_block(blocks[i], late_usable_size(blocks[i]), i);
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        require_filled(blocks[i], i * 13 + 1, i);
        blocks[i] = late_realloc(blocks[i], i * 1000 + 1);
        REQUIRE(blocks[i] != NULL);
        late_free(blocks[i]);
    }
    return unused;
}

static void use_in_threads_and_forks(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        REQUIRE(pthread_create(&threads[i], NULL, use_late_heap, NULL) == 0);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(30);
            use_late_heap(NULL);
            _exit(0);
        }
        require_child_ok(child, "fork after a late dlopen");
    }
    for (int i = 0; i < 4; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
}

static void open_and_use(int flags)
{
    open_library(flags);
    errno = 1234;
    void *first = late_malloc(100);
    REQUIRE(first && errno == 1234);
    late_free(first);
    use_late_heap(NULL);
    use_in_threads_and_forks();
}

static void dlopen_now(void)
{
    open_and_use(RTLD_NOW);
}

static void dlopen_global(void)
{
    open_and_use(RTLD_NOW | RTLD_GLOBAL);
}

static void dlopen_deepbind(void)
{
    open_and_use(RTLD_NOW | RTLD_DEEPBIND);
}

static void *open_in_thread(void *unused)
{
    open_and_use(RTLD_NOW);
    return unused;
}

static void dlopen_in_a_thread(void)
{
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, open_in_thread, NULL) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    use_late_heap(NULL);
}

// The library stays when it is closed: its blocks live on, and a thread's end still calls into it.
static void dlclose_unloads_nothing(void)
{
    void *library = open_library(RTLD_NOW);
    void *block = late_malloc(1000);
    fill_block(block, 1000, 9);
    REQUIRE(dlclose(library) == 0);
    require_filled(block, 1000, 9);
    block = late_realloc(block, 100000);
    require_filled(block, 1000, 9);
    late_free(block);
    use_in_threads_and_forks();
}

static void the_programs_own_heap_is_untouched(void)
{
    void *before = malloc(1000);
    fill_block(before, 1000, 3);
    open_library(RTLD_NOW);
    use_late_heap(NULL);
    require_filled(before, 1000, 3);
    free(before);
}

// A block that glibc gave out before the switch goes back to glibc where Cairn can know it; else
// there is a report.
static void require_freed_or_reported(void *block)
{
    char text[500] = "";
    int ends[2], status = 0;
    REQUIRE(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(30);
        dup2(ends[1], STDERR_FILENO);
        late_free(block);
        _exit(0);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    close(ends[1]);
    REQUIRE(read(ends[0], text, sizeof text - 1) >= 0);
    bool freed = WIFEXITED(status) && WEXITSTATUS(status) == 0 && text[0] == 0;
    bool reported =
        WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(text, ": invalid pointer, ");
    if (!freed && !reported)
        FAIL("wait status %#x, stderr: %s", status, text);
}

static void blocks_from_before_go_back_to_glibc_or_are_reported(void)
{
    void *small = malloc(100), *medium = malloc(50000), *large = malloc(5000000);
    open_library(RTLD_NOW);
    require_freed_or_reported(small);
    require_freed_or_reported(medium);
    require_freed_or_reported(large);
}

static const struct check table[] = {
    CHECK(dlopen_now),
    CHECK(dlopen_global),
    CHECK(dlopen_deepbind),
    CHECK(dlopen_in_a_thread),
    CHECK(dlclose_unloads_nothing),
    CHECK(the_programs_own_heap_is_untouched),
    CHECK(blocks_from_before_go_back_to_glibc_or_are_reported),
};

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
