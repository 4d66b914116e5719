// See checks.h. What a child wants to say goes through a shared page, because its heap may be in
// ruins.

#include "checks.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_FAILED = 1, STATUS_SKIPPED = 77, TEXT_BYTES = 4096 };

// Not a measure of speed: only the bound after which a check counts as hanging.
enum { HANG_SECONDS = 120 };

static char *shared_text;

void fail_check(const char *file, int line, const char *format, ...)
{
    const char *name = strrchr(file, '/');
    int used = snprintf(shared_text, TEXT_BYTES, "%s:%d: ", name ? name + 1 : file, line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(shared_text + used, (size_t)(TEXT_BYTES - used), format, arguments);
    va_end(arguments);
    _exit(STATUS_FAILED);
}

void skip_check(const char *reason)
{
    snprintf(shared_text, TEXT_BYTES, "%s", reason);
    _exit(STATUS_SKIPPED);
}

bool on_cairn(void)
{
    const char *allocator = getenv("C_TESTS_ALLOCATOR");
    return allocator && strcmp(allocator, "cairn") == 0;
}

void only_on_cairn(const char *reason)
{
    if (!on_cairn())
        skip_check(reason);
}

size_t opaque_size(size_t size)
{
    volatile size_t hidden = size;
    return hidden;
}

void *opaque_pointer(void *pointer)
{
    void *volatile hidden = pointer;
    return hidden;
}

static unsigned char pattern(size_t index, unsigned seed)
{
    return (unsigned char)(index * 31 + index / 251 + seed * 97 + 1);
}

void fill_block(void *block, size_t size_bytes, unsigned seed)
{
    unsigned char *bytes = block;
    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = pattern(i, seed);
}

void require_filled(const void *block, size_t size_bytes, unsigned seed)
{
    const unsigned char *bytes = block;
    for (size_t i = 0; i < size_bytes; i++)
        if (bytes[i] != pattern(i, seed))
            FAIL("byte %zu of %zu of block %p has changed: 0x%02x", i, size_bytes, block, bytes[i]);
}

void require_zero(const void *block, size_t size_bytes)
{
    const unsigned char *bytes = block;
    for (size_t i = 0; i < size_bytes; i++)
        if (bytes[i] != 0)
            FAIL("byte %zu of %zu of block %p is not zero: 0x%02x", i, size_bytes, block, bytes[i]);
}

size_t status_kib(const char *key)
{
    static char text[8192];
    int file = open("/proc/self/status", O_RDONLY);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    close(file);
    REQUIRE(length > 0);
    text[length] = 0;
    const char *line = strstr(text, key);
    REQUIRE(line != NULL);
    return strtoul(line + strlen(key), NULL, 10);
}

void require_child_ok(pid_t child, const char *what)
{
    int status = 0;
    REQUIRE(child > 0);
    REQUIRE(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        FAIL("%s: the child hangs", what);
    if (WIFSIGNALED(status))
        FAIL("%s: the child was killed by signal %d", what, WTERMSIG(status));
    if (WEXITSTATUS(status) == STATUS_FAILED && shared_text[0])
        _exit(STATUS_FAILED); // the child has left its reason in the shared text
    if (WEXITSTATUS(status) != 0)
        FAIL("%s: the child ended with status %d", what, WEXITSTATUS(status));
}

static bool run_check(const struct check *check)
{
    shared_text[0] = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        alarm(HANG_SECONDS);
        check->run();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    kill(-child, SIGKILL); // what a check that failed has left behind
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        printf("ok %s\n", check->name);
        return true;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIPPED) {
        printf("skip %s: %s\n", check->name, shared_text);
        return true;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        printf("FAIL %s: it hangs\n", check->name);
    else if (WIFSIGNALED(status))
        printf("FAIL %s: killed by signal %d %s\n", check->name, WTERMSIG(status), shared_text);
    else
        printf("FAIL %s: %s\n", check->name, shared_text);
    return false;
}

int run_checks(const struct check *table, size_t count, int argc, char **argv)
{
    bool all_ok = true;
    shared_text = mmap(NULL, TEXT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared_text == MAP_FAILED)
        return 2;
    for (size_t i = 0; i < count; i++)
        if (argc < 2 || strcmp(argv[1], table[i].name) == 0)
            all_ok &= run_check(&table[i]);
    puts("end");
    return all_ok ? 0 : 1;
}
