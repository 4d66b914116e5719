// The option `limit`: what is served within it, ENOMEM beyond it, that freed memory makes room
// again, and that a control group's limit is found. The program runs itself again with CAIRN_OPTIONS set,
// and for `auto` inside a control group of its own, which only root can make.

#include "../../include/cairn.h"
#include "../checks.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20, LIMIT_MIB = 64, MOST_BLOCKS = 1 << 21 };

static void **blocks; // a table of MOST_BLOCKS, mapped apart

static struct cairn_stats stats(void)
{
    struct cairn_stats stats;
    void (*read_stats)(struct cairn_stats *) =
        (void (*)(struct cairn_stats *))dlsym(RTLD_DEFAULT, "cairn_stats_read");
    REQUIRE(read_stats != NULL);
    read_stats(&stats);
    return stats;
}

// Allocates and writes blocks of the size until there is no more; returns how many.
static size_t take_all(size_t size_bytes)
{
    size_t count = 0;
    errno = 0;
    while (count < MOST_BLOCKS && (blocks[count] = malloc(size_bytes)) != NULL)
        memset(blocks[count++], 1, size_bytes);
    REQUIRE(count < MOST_BLOCKS && errno == ENOMEM);
    return count;
}

static void give_all(size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(blocks[i]);
}

// Nine tenths of the limit are served, and never is more resident, nor charged, than the limit and
// what the process had before.
static void fill_up(size_t size_bytes, size_t base_kib)
{
    size_t count = take_all(size_bytes), mib = count * malloc_usable_size(blocks[0]) / MIB;
    if (mib < LIMIT_MIB * 9 / 10 || mib > LIMIT_MIB)
        FAIL("%zu MiB in blocks of %zu bytes", mib, size_bytes);
    if (status_kib("RssAnon:") > base_kib + LIMIT_MIB * 1024)
        FAIL("%zu KiB are resident with blocks of %zu bytes", status_kib("RssAnon:"), size_bytes);
    REQUIRE(stats().charged_bytes <= LIMIT_MIB * (size_t)MIB);
    give_all(count);
}

static void every_size_is_refused_beyond_it_and_served_again(void)
{
    static const size_t sizes[] = {1 << 20, 100, 5000, 48, 300 << 10, 1 << 20, 700};
    memset(blocks, 1, MOST_BLOCKS * sizeof *blocks); // resident before it is counted
    size_t base_kib = status_kib("RssAnon:");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        fill_up(sizes[i], base_kib);
}

static void one_request_beyond_it_is_refused_at_once(void)
{
    size_t before = stats().refused_requests;
    char *small = malloc(100);
    fill_block(small, 100, 1);
    errno = 0;
    REQUIRE(malloc((LIMIT_MIB + 1) * (size_t)MIB) == NULL && errno == ENOMEM);
    errno = 0;
    REQUIRE(calloc(1 << 20, 1 << 20) == NULL && errno == ENOMEM);
    errno = 0;
    REQUIRE(realloc(small, LIMIT_MIB * (size_t)MIB) == NULL && errno == ENOMEM);
    REQUIRE(posix_memalign((void **)&small, 64, LIMIT_MIB * (size_t)MIB) == ENOMEM);
    require_filled(small, 100, 1);
    REQUIRE(stats().refused_requests == before + 4);
    REQUIRE(stats().limit_bytes == LIMIT_MIB * (size_t)MIB);
    REQUIRE(stats().committed_bytes < 8 * MIB); // nothing was made usable for them
}

// A block grows to most of the limit though it has to move: its pages move, none is copied.
static void a_block_grows_to_the_limit(void)
{
    char *block = malloc(1 * MIB);
    void *behind = NULL;
    for (size_t mib = 2; mib <= LIMIT_MIB * 9 / 10; mib += 7) {
        free(behind);
        block = realloc(block, mib * MIB);
        REQUIRE(block != NULL);
        fill_block(block, mib * MIB, 5);
        behind = malloc(300 << 10); // so that it has to move
    }
    REQUIRE(realloc(block, (LIMIT_MIB + 1) * (size_t)MIB) == NULL && errno == ENOMEM);
    REQUIRE(status_kib("VmHWM:") < (LIMIT_MIB + 16) * 1024);
    free(block);
    free(behind);
}

static void *churn(void *argument)
{
    unsigned random = (unsigned)(size_t)argument * 7919 + 1;
    enum { SLOTS = 32 };
    static __thread void *mine[SLOTS];
    for (int i = 0; i < 500; i++) {
        random = random * 1664525 + 1013904223;
        unsigned slot = random >> 27;
        size_t size_bytes = 1 + (random >> 4) % (2 * MIB);
        free(mine[slot]);
        mine[slot] = malloc(size_bytes);
        if (mine[slot])
            memset(mine[slot], 1, size_bytes);
    }
    for (int slot = 0; slot < SLOTS; slot++)
        free(mine[slot]);
    return NULL;
}

// Four threads want up to twice the limit together, all the time.
static void threads_share_it(void)
{
    pthread_t threads[4];
    size_t base_kib = status_kib("RssAnon:");
    for (size_t i = 0; i < 4; i++)
        REQUIRE(pthread_create(&threads[i], NULL, churn, (void *)i) == 0);
    for (size_t i = 0; i < 4; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    REQUIRE(stats().refused_requests > 0);
    if (status_kib("VmHWM:") > base_kib + (LIMIT_MIB + 1) * 1024)
        FAIL("%zu KiB were resident", status_kib("VmHWM:"));
    ((void (*)(void))dlsym(RTLD_DEFAULT, "cairn_validate"))();
}

static const struct check inside[] = {
    CHECK(every_size_is_refused_beyond_it_and_served_again),
    CHECK(one_request_beyond_it_is_refused_at_once),
    CHECK(a_block_grows_to_the_limit),
    CHECK(threads_share_it),
};

// What the limit is under `auto`.
static void tell_limit(void)
{
    printf("%zu\n", stats().limit_bytes);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    REQUIRE(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text));
    close(file);
}

// Runs this program with `auto` inside the group `folder` (or where it is, if that is null), and
// returns the limit that it found.
static size_t limit_found(const char *folder)
{
    int ends[2];
    char line[64] = "";
    REQUIRE(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        if (folder)
            write_file(folder, "cgroup.procs", "0");
        setenv("CAIRN_OPTIONS", "limit=auto", 1);
        dup2(ends[1], STDOUT_FILENO);
        execl("/proc/self/exe", "limit", "tell", NULL);
        _exit(2);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    require_child_ok(child, "limit=auto");
    REQUIRE(length > 0);
    return strtoull(line, NULL, 10);
}

// Makes a control group with that limit on its memory; skips the check where none can be made.
static void make_group(char *folder, size_t length, const char *limit)
{
    static const struct {
        const char *folder, *file;
    } groups[] = {{"/sys/fs/cgroup", "memory.max"},
                  {"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}};
    for (size_t i = 0; i < 2; i++) {
        snprintf(folder, length, "%s/cairn-test-%d", groups[i].folder, (int)getpid());
        if (mkdir(folder, 0755) != 0)
            continue;
        char path[256];
        snprintf(path, sizeof path, "%s/%s", folder, groups[i].file);
        if (access(path, W_OK) != 0) { // not where the memory controller is
            rmdir(folder);
            continue;
        }
        write_file(folder, groups[i].file, limit);
        return;
    }
    skip_check("no control group for memory can be made here (only root can)");
}

static void auto_takes_the_limit_of_the_control_group(void)
{
    char folder[128];
    make_group(folder, sizeof folder, "268435456");
    size_t limit = limit_found(folder);
    REQUIRE(rmdir(folder) == 0);
    if (limit != 240 * (size_t)MIB)
        FAIL("%zu bytes instead of 240 MiB", limit);
}

// What runs in a tiny group: at the limit there is no memory, rather than the kernel's killer, and
// what is freed serves other sizes. Blocks are chained, since a table would count too.
static int fill_repeatedly(void)
{
    static const size_t sizes[] = {100, 100000, 3000, 600000, 48};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t bytes = 0;
        void **last = NULL, **block;
        while ((block = malloc(sizes[i])) != NULL) {
            memset(block, 1, sizes[i]);
            *block = last;
            last = block;
            bytes += sizes[i];
        }
        for (; last; last = block) {
            block = *last;
            free(last);
        }
        if (bytes < stats().limit_bytes / 2)
            return 3;
    }
    return 0;
}

static void auto_lives_in_a_tiny_control_group(void)
{
    char folder[128];
    int status;
    make_group(folder, sizeof folder, "33554432");
    pid_t child = fork();
    if (child == 0) {
        write_file(folder, "cgroup.procs", "0");
        setenv("CAIRN_OPTIONS", "limit=auto", 1);
        execl("/proc/self/exe", "limit", "fill", NULL);
        _exit(2);
    }
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    REQUIRE(rmdir(folder) == 0);
    if (status != 0)
        FAIL("waitpid gives %d", status);
}

static const struct check outside[] = {CHECK(auto_takes_the_limit_of_the_control_group),
                                       CHECK(auto_lives_in_a_tiny_control_group)};

int main(int argc, char **argv)
{
    blocks = mmap(NULL, MOST_BLOCKS * sizeof *blocks, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (blocks == MAP_FAILED)
        return 2;
    if (argc > 1 && strcmp(argv[1], "tell") == 0) {
        tell_limit();
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "fill") == 0)
        return fill_repeatedly();
    if (getenv("CAIRN_OPTIONS"))
        return run_checks(inside, sizeof inside / sizeof inside[0], argc, argv);
    return run_checks(outside, sizeof outside / sizeof outside[0], argc, argv);
}
