// Blocks of 8 to 256 KiB are cached: once a size is warm, malloc and free of it make no system
// call. The program traces itself; see trace.h.

#include "../checks.h"
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { KIB = 1 << 10, LEAST_BYTES = 8 * KIB, MOST_BYTES = 256 * KIB, STEP_BYTES = 4 * KIB };
enum { SIZES = (MOST_BYTES - LEAST_BYTES) / STEP_BYTES + 1, TOGETHER = 12 };
enum { WARM_UP_ROUNDS = 2 * TOGETHER, ROUNDS = 60 };

static char *program;

// One block to and fro, then two at a time, and so on.
static void use(size_t size_bytes, int rounds)
{
    char *blocks[TOGETHER];
    for (int round = 0; round < rounds; round++) {
        int count = round % TOGETHER + 1;
        for (int i = 0; i < count; i++) {
            blocks[i] = malloc(size_bytes);
            if (!blocks[i])
                exit(1);
            blocks[i][0] = blocks[i][size_bytes - 1] = 1;
        }
        for (int i = 0; i < count; i++)
            free(blocks[i]);
    }
}

static void be_traced(void)
{
    for (int i = 0; i < SIZES; i++) {
        size_t size_bytes = LEAST_BYTES + (size_t)i * STEP_BYTES;
        make_mark(MARK_WINDOW); // an odd one: cold
        use(size_bytes, WARM_UP_ROUNDS);
        make_mark(MARK_WINDOW); // an even one: warm
        use(size_bytes, ROUNDS);
    }
    make_mark(MARK_WINDOW);
    exit(0);
}

static void trace_sizes(struct outcome *outcome)
{
    char *arguments[] = {program, "traced", NULL};
    struct plan none = {0};
    run_traced(arguments, on_cairn() ? "libcairn.so" : "libc.so.6", &none, outcome);
    REQUIRE(WIFEXITED(outcome->status) && WEXITSTATUS(outcome->status) == 0);
    REQUIRE(outcome->windows == 2 * SIZES + 1);
}

static void cold_sizes_make_system_calls(void) // else the other check's count would say nothing
{
    struct outcome outcome;
    long calls = 0;
    trace_sizes(&outcome);
    for (int i = 0; i < SIZES; i++)
        calls += outcome.system_calls[2 * i + 1];
    REQUIRE(calls > 0);
}

static void warm_sizes_make_no_system_call(void)
{
    struct outcome outcome;
    only_on_cairn("glibc promises nothing of the kind");
    trace_sizes(&outcome);
    for (int i = 0; i < SIZES; i++)
        if (outcome.system_calls[2 * i + 2] != 0)
            FAIL("%ld system calls in %d rounds with blocks of %d KiB",
                 outcome.system_calls[2 * i + 2], ROUNDS, (LEAST_BYTES + i * STEP_BYTES) / KIB);
}

static const struct check table[] = {
    CHECK(cold_sizes_make_system_calls),
    CHECK(warm_sizes_make_no_system_call),
};

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc == 2 && strcmp(argv[1], "traced") == 0)
        be_traced();
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
