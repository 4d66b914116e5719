// The program that the checks of options.c start with CAIRN_OPTIONS. What it does stands in its
// argument; what it found out is on stdout. The same source is the program with privileges.

#include "../../include/cairn.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

static void close_stderr(void)
{
    close(STDERR_FILENO);
}

static void use_the_heap(void)
{
    for (size_t size_bytes = 8; size_bytes < 1 << 20; size_bytes *= 2)
        free(malloc(size_bytes));
}

static void resize_to_zero(void)
{
    void *block = malloc(100);
    errno = 1234;
    void *result = realloc(block, 0);
    if (errno != 1234)
        printf("errno %d\n", errno);
    else if (result)
        printf("a block of %zu bytes\n", malloc_usable_size(result));
    else
        puts("null");
    free(result);
}

static long resident_mib(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2)
        exit(2);
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE) >> 20;
}

// Prints how many MiB stay dirty, and how many more stay resident, when 64 MiB have been freed.
static void free_64_mib(void)
{
    enum { COUNT = 64, BLOCK_BYTES = 1 << 20 };
    static char *blocks[COUNT];
    struct cairn_stats stats;
    void (*read_stats)(struct cairn_stats *) =
        (void (*)(struct cairn_stats *))dlsym(RTLD_DEFAULT, "cairn_stats_read");
    long resident = resident_mib();
    for (int i = 0; i < COUNT; i++)
        memset(blocks[i] = malloc(BLOCK_BYTES), 1, BLOCK_BYTES);
    for (int i = 0; i < COUNT; i++)
        free(blocks[i]);
    read_stats(&stats);
    printf("%zu %ld\n", stats.dirty_bytes >> 20, resident_mib() - resident);
}

static void start_a_child(char *program)
{
    pid_t child = fork();
    if (child == 0) {
        execl(program, program, "plain", NULL);
        _exit(2);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        exit(2);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "plain";
    use_the_heap();
    if (strcmp(what, "closes stderr") == 0)
        atexit(close_stderr);
    else if (strcmp(what, "realloc") == 0)
        resize_to_zero();
    else if (strcmp(what, "frees 64 MiB") == 0)
        free_64_mib();
    else if (strcmp(what, "starts a child") == 0)
        start_a_child(argv[0]);
    else if (strcmp(what, "tells of privileges") == 0)
        puts(getauxval(AT_SECURE) ? "privileged" : "plain");
    return 0;
}
