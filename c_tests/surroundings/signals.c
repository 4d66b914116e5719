// malloc where the standard forbids it and real programs do it: in the child of vfork, and in a
// handler that interrupts malloc itself. Promised is no more than an end: no deadlock, and no
// broken heap as long as the handler frees what it takes.

#include "../checks.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { SIGNALS = 800, VFORKS = 300 };

static atomic_int signals_seen;

static void allocate_in_handler(int signal)
{
    static const size_t sizes[] = {24, 100, 1000, 5000, 40000, 300000};
    int saved_errno = errno, number = atomic_fetch_add(&signals_seen, 1);
    void *block = malloc(sizes[number % 6]);
    if (block) // null is a fair answer here
        memset(block, signal, sizes[number % 6]);
    free(block);
    errno = saved_errno;
}

static void interrupt_all_the_time(void)
{
    struct sigaction action = {.sa_handler = allocate_in_handler, .sa_flags = SA_RESTART};
    struct itimerval every = {{0, 100},
                              {0, 100}}; // microseconds; the kernel makes of it what it can
    REQUIRE(sigaction(SIGPROF, &action, NULL) == 0);
    REQUIRE(setitimer(ITIMER_PROF, &every, NULL) == 0);
}

static void a_handler_that_interrupts_malloc(void)
{
    only_on_cairn("glibc's malloc may deadlock or break when a handler allocates");
    enum { BLOCKS = 3000 };
    static unsigned char *blocks[BLOCKS];
    interrupt_all_the_time();
    for (unsigned round = 0; signals_seen < SIGNALS; round++) {
        for (unsigned i = 0; i < BLOCKS; i++) {
            size_t size_bytes = (i * 37 + round) % 2000 + 8;
            blocks[i] = malloc(size_bytes);
            REQUIRE(blocks[i] != NULL);
            blocks[i][0] = (unsigned char)i;
            blocks[i][size_bytes - 1] = (unsigned char)i;
        }
        for (unsigned i = 0; i < BLOCKS; i++) {
            REQUIRE(blocks[i][0] == (unsigned char)i);
            free(blocks[i]);
        }
        free(malloc(200000 + round));
        free(malloc(2000000));
    }
}

static void vfork_whose_child_allocates(void)
{
    for (unsigned i = 0; i < VFORKS; i++) {
        void *volatile before = malloc(i + 1);
        REQUIRE(before != NULL);
        pid_t child = vfork();
        if (child == 0) {
            free(malloc(i * 100 + 1));
            free(malloc(300000));
            if (i % 10 == 0)
                execl("/bin/true", "true", (char *)NULL);
            _exit(0);
        }
        require_child_ok(child, "vfork");
        free(before);
        free(malloc(i * 100 + 1));
    }
}

static const struct check table[] = {
    CHECK(a_handler_that_interrupts_malloc),
    CHECK(vfork_whose_child_allocates),
};

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
