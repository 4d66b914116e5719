// See report.h. The expectation travels through a shared page: the child's heap is not to be
// trusted with it.

#include "report.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXPECTED_BYTES = 4096, CHILD_SECONDS = 30 };

static char *expected; // lines, each with its end

void expect(const char *format, ...)
{
    char *end = expected + strlen(expected);
    end += sprintf(end, "cairn[%d]: ", getpid());
    va_list arguments;
    va_start(arguments, format);
    end += vsprintf(end, format, arguments);
    va_end(arguments);
    strcpy(end, "; run it under \"cairn check\" to see where\n");
}

// All that comes until the pipe has no writer left. The text is cut at its end, so that it fits
// into a message.
static void read_all(int file, char *text, size_t text_bytes)
{
    size_t used = 0;
    ssize_t count;
    while ((count = read(file, text + used, text_bytes - 1 - used)) > 0)
        used += (size_t)count;
    text[used] = 0;
}

static int commit(void (*fault)(void), char *said, size_t said_bytes)
{
    int ends[2], status = 0;
    expected =
        mmap(NULL, EXPECTED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(expected != MAP_FAILED && pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(CHILD_SECONDS);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        fault();
        _exit(0);
    }
    close(ends[1]);
    read_all(ends[0], said, said_bytes);
    REQUIRE(waitpid(child, &status, 0) == child);
    return status;
}

static void require_sigabrt(int status, const char *said)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        FAIL("it hangs; stderr: %s", said);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        FAIL("wait status %#x instead of SIGABRT; expected: %s stderr: %s", status, expected, said);
}

// One whole line of the expected ones, and nothing else.
static bool is_expected(const char *said)
{
    const char *place = strstr(expected, said);
    bool one_line = strchr(said, '\n') && strchr(said, '\n')[1] == 0;
    return place && one_line && (place == expected || place[-1] == '\n');
}

void require_report(void (*fault)(void))
{
    static char said[1500];
    int status = commit(fault, said, sizeof said);
    require_sigabrt(status, said);
    if (!is_expected(said))
        FAIL("report differs\n  - %s  + %s", expected, said);
}

void require_report_with(void (*fault)(void), const char *part)
{
    static char said[1500];
    int status = commit(fault, said, sizeof said);
    require_sigabrt(status, said);
    const char *end = strchr(said, '\n');
    if (!strstr(said, part) || !end || end[1] != 0)
        FAIL("report differs\n  - ...%s...\n  + %s", part, said);
}

void require_abort(void (*fault)(void))
{
    static char said[1500];
    require_sigabrt(commit(fault, said, sizeof said), said);
}
