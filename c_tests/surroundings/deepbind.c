// A preloaded process gets a block of glibc's own heap, from a plug-in that was opened with
// RTLD_DEEPBIND, and frees it. Cairn hands it to glibc where it can know that; else there is a
// report. Never silent damage, never a hang.

#include "../checks.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *(*plugin_block)(size_t);

static void free_and_use_both_heaps(size_t size_bytes)
{
    void *block = plugin_block(size_bytes);
    REQUIRE(block != NULL);
    memset(block, 1, size_bytes);
    free(block);
    for (int i = 0; i < 100; i++) { // both heaps still work
        void *theirs = plugin_block(size_bytes), *ours = malloc(size_bytes);
        REQUIRE(theirs && ours && theirs != ours);
        memset(theirs, 2, size_bytes);
        memset(ours, 3, size_bytes);
        free(ours);
    }
    _exit(0);
}

static void require_freed_or_reported(size_t size_bytes)
{
    char text[500] = "";
    int ends[2], status = 0;
    REQUIRE(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(30);
        dup2(ends[1], STDERR_FILENO);
        free_and_use_both_heaps(size_bytes);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    close(ends[1]);
    REQUIRE(read(ends[0], text, sizeof text - 1) >= 0);
    bool freed = WIFEXITED(status) && WEXITSTATUS(status) == 0 && text[0] == 0;
    bool reported =
        WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(text, ": invalid pointer, ");
    if (!freed && !reported)
        FAIL("block of %zu: wait status %#x, stderr: %s", size_bytes, status, text);
}

static void free_of_a_block_from_a_deepbind_plugin(void)
{
    void *plugin = dlopen(getenv("C_TESTS_DEEPBIND_PLUGIN"), RTLD_NOW | RTLD_DEEPBIND);
    REQUIRE(plugin != NULL);
    plugin_block = (void *(*)(size_t))dlsym(plugin, "plugin_block");
    REQUIRE(plugin_block != NULL);
    require_freed_or_reported(100);
    require_freed_or_reported(50000);
    require_freed_or_reported(5000000);
}

static const struct check table[] = {
    CHECK(free_of_a_block_from_a_deepbind_plugin),
};

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
