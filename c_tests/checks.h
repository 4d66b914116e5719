// The frame of the table-driven tests: a table of checks, each run in a child of its own, so that a
// crash or a hang is one failure and not the end of the run. Each check gives one line on stdout,
// which `run` counts:
//
//     ok NAME | FAIL NAME: why | skip NAME: reason
//
// and the last line is "end", so that a frame which died half-way is not taken for a short table.

#ifndef CHECKS_H
#define CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct check {
    const char *name;
    void (*run)(void);
};

// A check is named as its function.
#define CHECK(name) {#name, name}

// Fails the check that is running; works in its threads and in its own children too.
#define REQUIRE(condition)                                    \
    do {                                                      \
        if (!(condition))                                     \
            fail_check(__FILE__, __LINE__, "%s", #condition); \
    } while (0)

// The same, with the reason in the caller's words (a printf format).
#define FAIL(...) fail_check(__FILE__, __LINE__, __VA_ARGS__)

void fail_check(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
void skip_check(const char *reason) __attribute__((noreturn));

// True when `run` says that the tested library is Cairn (C_TESTS_ALLOCATOR=cairn).
bool on_cairn(void);
// For rules that only Cairn promises: elsewhere the check is skipped, with this reason.
void only_on_cairn(const char *reason);

// Values that the compiler can't see through, so that it neither warns nor optimises.
size_t opaque_size(size_t size);
void *opaque_pointer(void *pointer);

// Fills a block with a pattern of its own, and fails the check if the pattern has changed.
void fill_block(void *block, size_t size_bytes, unsigned seed);
void require_filled(const void *block, size_t size_bytes, unsigned seed);
void require_zero(const void *block, size_t size_bytes);

// A number in KiB out of /proc/self/status, such as "VmRSS:".
size_t status_kib(const char *key);

// Waits for a child of the check; fails the check unless the child ended with status 0.
void require_child_ok(pid_t child, const char *what);

// Runs all checks of the table, or the one named by the first argument. Returns main's status.
int run_checks(const struct check *table, size_t count, int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
