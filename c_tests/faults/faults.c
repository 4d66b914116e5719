// The kernel refuses memory: the workload (workload.c) runs once for each call for memory that the
// library makes in it, and that call fails with ENOMEM; then with two more after it; then with all
// after it, until the workload says that memory is back. Then the same for what the C library asks
// for to create threads. Each run must keep every rule of C, end
// without a report, and be able to use everything again.
//
// `faults run MODE FIRST LAST` runs the workload once, by hand, and says what came of it. The
// variable C_TESTS_FAULT_WORKLOAD has the workload's path.

#include "../checks.h"
#include "trace.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_REFUSED = 3, LIKELY_CALLS_LEAST = 100, FOR_EVER = INT_MAX };
enum { LIKELY_CALLS_OF_THREADS_LEAST = 10 };

// How the library comes by its address space; see "Limited address space" in src/README.md.
enum mode {
    RESERVED,
    CLAIMED, // the address space is limited from the start
    LIMITED, // the workload limits it, so that what is reserved has to be given back
    THREAD_MEMORY, // as reserved, in a workload of threads only: so all memory is for their heaps
    THREADS,       // as there, and the calls are those for stacks and threads
    MODES,
};

static const char *const mode_names[] = {"reserved", "claimed", "limited", "thread-memory",
                                         "threads"};
static const char *const workload_arguments[] = {[LIMITED] = "limit",
                                                 [THREAD_MEMORY] = "threads",
                                                 [THREADS] = "threads"};

static void run(enum mode mode, long first, long last, struct outcome *outcome)
{
    char *workload = getenv("C_TESTS_FAULT_WORKLOAD");
    char *arguments[] = {workload, (char *)workload_arguments[mode], NULL};
    struct plan plan = {first, last, mode == CLAIMED ? (rlim_t)4 << 30 : 0, mode == THREADS};
    REQUIRE(workload != NULL);
    alarm(150); // for this run alone; it may share its processor
    run_traced(arguments, on_cairn() ? "libcairn.so" : "libc.so.6", &plan, outcome);
}

static int exit_status(const struct outcome *outcome)
{
    return WIFEXITED(outcome->status) ? WEXITSTATUS(outcome->status)
                                      : 128 + WTERMSIG(outcome->status);
}

static bool is_well(const struct outcome *outcome)
{
    int status = exit_status(outcome);
    return (status == 0 || (status == STATUS_REFUSED && outcome->refused > 0)) && !outcome->said[0];
}

// The first failure in full, the others by number.
struct failures {
    int count;
    size_t used;
    char text[3000];
};

static void note_failure(struct failures *failures, long call, struct outcome *outcome)
{
    size_t room = sizeof failures->text - failures->used;
    char *text = failures->text + failures->used;
    int length = 0;
    outcome->said[strcspn(outcome->said, "\n")] = 0;
    if (failures->count++ == 0)
        length = snprintf(text, room, "call %ld (refused:%s): status %d, %s; ", call,
                          outcome->refused_names, exit_status(outcome), outcome->said);
    else if (room > 200)
        length = snprintf(text, room, "%ld(%s) ", call, outcome->refused_names + 1);
    failures->used += (size_t)length;
}

// One call alone is refused for every call. The other series are sampled, or `make test` would spend
// minutes on them: in one without an end each of thousands of requests is refused. With C_TESTS_ALL
// set they take every call too.
static long stride(enum mode mode, long more)
{
    if (getenv("C_TESTS_ALL") || mode == THREADS || (mode != CLAIMED && mode != LIMITED && more == 0))
        return 1;
    if (mode == THREAD_MEMORY)
        return 5;
    return more == FOR_EVER && mode != RESERVED ? 19 : 7;
}

// Refuses call number 1 and `more` after it, then a later one and so on, to the last that there is.
static void refuse_each(enum mode mode, long more)
{
    static struct failures failures;
    struct outcome outcome;
    run(mode, 0, 0, &outcome);
    if (exit_status(&outcome) != 0 || outcome.said[0])
        FAIL("without a fault: status %d, %s", exit_status(&outcome), outcome.said);
    long calls = outcome.calls, first, unserved = 0;
    bool has_few = mode == THREADS || mode == THREAD_MEMORY;
    REQUIRE(calls >= (has_few ? LIKELY_CALLS_OF_THREADS_LEAST : LIKELY_CALLS_LEAST));
    for (first = 1; first <= calls; first += stride(mode, more)) {
        run(mode, first, more == FOR_EVER ? FOR_EVER : first + more, &outcome);
        if (outcome.refused == 0) // this run made fewer calls than the first one
            break;
        unserved += exit_status(&outcome) == STATUS_REFUSED;
        if (!is_well(&outcome))
            note_failure(&failures, first, &outcome);
    }
    printf("%s, %s: of %ld calls each %ld. refused, in %ld runs a request could not be served\n",
           mode_names[mode], more == 0 ? "one" : more == FOR_EVER ? "all from one on" : "three", calls,
           stride(mode, more), unserved);
    fflush(stdout);
    REQUIRE(first > calls * 9 / 10);
    REQUIRE(unserved > 0 || more != FOR_EVER);
    if (failures.count > 0)
        FAIL("%d of them: %s", failures.count, failures.text);
}

static void require_cairn(void)
{
    only_on_cairn("glibc's own calls for memory are not the subject");
}

static void no_call_is_refused(void)
{
    struct outcome outcome;
    for (enum mode mode = RESERVED; mode < MODES; mode++) {
        run(mode, 0, 0, &outcome);
        if (exit_status(&outcome) != 0 || outcome.said[0])
            FAIL("%s: status %d, %s", mode_names[mode], exit_status(&outcome), outcome.said);
        REQUIRE(outcome.calls > 0 && outcome.refused == 0);
    }
}

// Not even the first: the library can't have any memory, and the program gets null.
static void no_memory_from_the_start(void)
{
    struct outcome outcome;
    require_cairn();
    for (enum mode mode = RESERVED; mode < MODES; mode++) {
        run(mode, 1, FOR_EVER, &outcome);
        if (exit_status(&outcome) != STATUS_REFUSED || outcome.said[0])
            FAIL("%s: status %d, %s", mode_names[mode], exit_status(&outcome), outcome.said);
    }
}

#define SERIES(name, mode, more) \
    static void name(void) \
    { \
        require_cairn(); \
        refuse_each(mode, more); \
    }

SERIES(each_call_once, RESERVED, 0)
SERIES(each_three_calls, RESERVED, 2)
SERIES(all_calls_from_each_on, RESERVED, FOR_EVER)
SERIES(each_call_once_when_claimed, CLAIMED, 0)
SERIES(each_three_calls_when_claimed, CLAIMED, 2)
SERIES(all_calls_from_each_on_when_claimed, CLAIMED, FOR_EVER)
SERIES(each_call_once_when_limited_late, LIMITED, 0)
SERIES(each_call_once_for_threads_heaps, THREAD_MEMORY, 0)
SERIES(all_calls_from_each_on_for_threads_heaps, THREAD_MEMORY, FOR_EVER)
SERIES(each_call_once_to_create_threads, THREADS, 0)
SERIES(all_calls_from_each_on_to_create_threads, THREADS, FOR_EVER)

static const struct check table[] = {
    CHECK(no_call_is_refused),
    CHECK(no_memory_from_the_start),
    CHECK(each_call_once),
    CHECK(each_three_calls),
    CHECK(all_calls_from_each_on),
    CHECK(each_call_once_when_claimed),
    CHECK(each_three_calls_when_claimed),
    CHECK(all_calls_from_each_on_when_claimed),
    CHECK(each_call_once_when_limited_late),
    CHECK(each_call_once_for_threads_heaps),
    CHECK(all_calls_from_each_on_for_threads_heaps),
    CHECK(each_call_once_to_create_threads),
    CHECK(all_calls_from_each_on_to_create_threads),
};

static int run_by_hand(char **argv)
{
    struct outcome outcome;
    enum mode mode = RESERVED;
    while (mode < MODES - 1 && strcmp(argv[0], mode_names[mode]) != 0)
        mode++;
    run(mode, atol(argv[1]), atol(argv[2]), &outcome);
    printf("status %d, %ld calls, %ld refused:%s\n%s\n", exit_status(&outcome), outcome.calls,
           outcome.refused, outcome.refused_names, outcome.said);
    return is_well(&outcome) ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "run") == 0)
        return run_by_hand(argv + 2);
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
