// CAIRN_OPTIONS: what each option does, and what is said of those that can't be taken. The checks
// start subject.c (C_TESTS_OPTIONS_SUBJECT) and look at its output, to the letter where the library
// speaks. Whether help=1 lists every option is compared with the source by `run`.

#include "../checks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_BYTES = 8192 };

static char said[TEXT_BYTES], complaints[TEXT_BYTES];
static pid_t last_program;

static void read_back(int file, char *text)
{
    ssize_t length = pread(file, text, TEXT_BYTES - 1, 0);
    REQUIRE(length >= 0 && length < TEXT_BYTES - 1);
    text[length] = 0;
    close(file);
}

static void start(char *program, const char *options, char *what)
{
    int output = memfd_create("stdout", MFD_CLOEXEC), errors = memfd_create("stderr", MFD_CLOEXEC);
    REQUIRE(output >= 0 && errors >= 0 && program != NULL);
    last_program = fork();
    if (last_program == 0) {
        char *arguments[] = {program, what, NULL};
        if (dup2(output, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0)
            _exit(2);
        setenv("CAIRN_OPTIONS", options, 1);
        execv(program, arguments);
        _exit(2);
    }
    require_child_ok(last_program, what);
    read_back(output, said);
    read_back(errors, complaints);
}

static void run(const char *options, char *what)
{
    start(getenv("C_TESTS_OPTIONS_SUBJECT"), options, what);
}

static void require_text(const char *what, const char *text, const char *expected)
{
    if (strcmp(text, expected) != 0)
        FAIL("%s is\n%s\nand not\n%s", what, text, expected);
}

static void require_said(const char *expected)
{
    require_text("stdout", said, expected);
}

static void require_complaints(const char *expected)
{
    require_text("stderr", complaints, expected);
}

static int count_of(const char *text, const char *part)
{
    int count = 0;
    for (; (text = strstr(text, part)) != NULL; text++)
        count++;
    return count;
}

// A summary of the process, and nothing else, from the first line to the last.
static void require_summary(const char *text, pid_t process)
{
    static const char *const lines[] = {"\n  live       ", "\n  committed  ", "\n  free       ",
                                        "\n  metadata   ", "\n  slabs      ", "\n  kernel     "};
    char first[80];
    snprintf(first, sizeof first, "cairn[%d]: the heap\n", (int)process);
    if (strncmp(text, first, strlen(first)) != 0)
        FAIL("the summary begins with: %.80s", text);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (count_of(text, lines[i]) != 1)
            FAIL("the summary has not one line with: %s", lines[i] + 1);
}

static void without_options_nothing_is_said(void)
{
    run("", "plain");
    require_complaints("");
    require_said("");
}

static void an_unknown_key_is_warned_of_once(void)
{
    run("nonsense=1", "plain");
    require_complaints("cairn: CAIRN_OPTIONS: \"nonsense=1\" is ignored: no such option; "
                       "CAIRN_OPTIONS=help=1 lists them\n");
    require_said("");
}

static void a_key_must_be_whole(void)
{
    run("stat=1:statss=1:STATS=1: stats=1", "plain");
    REQUIRE(count_of(complaints, "\n") == 4 && count_of(complaints, "no such option") == 4);
}

static void bad_switches_are_warned_of(void)
{
    static const char *const bad[] = {"stats=2", "stats=", "stats", "stats=yes", "stats=-1",
                                      "stats=01", "help=x", "realloc_zero_keeps=1K"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char expected[200];
        snprintf(expected, sizeof expected,
                 "cairn: CAIRN_OPTIONS: \"%s\" is ignored: the value has to be 0 or 1\n", bad[i]);
        run(bad[i], "realloc");
        require_complaints(expected);
        require_said("null\n");
    }
}

static void bad_sizes_are_warned_of(void)
{
    static const char *const bad[] = {"dirty_max=",   "dirty_max",      "dirty_max=2T",
                                      "dirty_max=-1", "dirty_max=12x",  "thread_cache=M",
                                      "dirty_max=1KK", "thread_cache=99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char expected[200];
        snprintf(expected, sizeof expected,
                 "cairn: CAIRN_OPTIONS: \"%s\" is ignored: the value has to be a size such as 64K, "
                 "16M or 1G, up to 1T\n",
                 bad[i]);
        run(bad[i], "plain");
        require_complaints(expected);
    }
}

static void bad_limits_are_warned_of(void)
{
    static const char *const bad[] = {"limit=", "limit", "limit=Auto", "limit=2T", "limit=-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char expected[200];
        snprintf(expected, sizeof expected,
                 "cairn: CAIRN_OPTIONS: \"%s\" is ignored: the value has to be auto or a size such "
                 "as 512M or 1G, up to 1T\n",
                 bad[i]);
        run(bad[i], "plain");
        require_complaints(expected);
    }
}

static void several_are_joined_by_colons(void)
{
    run("realloc_zero_keeps=1:nonsense:dirty_max=1M:stats=5::stats=1:", "realloc");
    const char *warnings = "cairn: CAIRN_OPTIONS: \"nonsense\" is ignored: no such option; "
                           "CAIRN_OPTIONS=help=1 lists them\n"
                           "cairn: CAIRN_OPTIONS: \"stats=5\" is ignored: the value has to be "
                           "0 or 1\n";
    REQUIRE(strncmp(complaints, warnings, strlen(warnings)) == 0);
    require_summary(complaints + strlen(warnings), last_program);
    require_said("a block of 16 bytes\n");
}

static void the_last_of_two_values_counts(void)
{
    run("realloc_zero_keeps=1:realloc_zero_keeps=0", "realloc");
    require_said("null\n");
}

static void a_long_key_is_shown_in_part(void)
{
    char options[1001], expected[300];
    memset(options, 'x', sizeof options - 1);
    options[sizeof options - 1] = 0;
    snprintf(expected, sizeof expected,
             "cairn: CAIRN_OPTIONS: \"%.80s\" is ignored: no such option; "
             "CAIRN_OPTIONS=help=1 lists them\n",
             options);
    run(options, "plain");
    require_complaints(expected);
}

static void help_prints_the_table(void)
{
    static const char first[] = "cairn: options, as in CAIRN_OPTIONS=\"stats=1:dirty_max=64M\":\n"
                                "  help=0|1 (default 0)\n"
                                "      print this table at the start\n";
    run("help=1", "realloc");
    REQUIRE(strncmp(complaints, first, strlen(first)) == 0);
    REQUIRE(strstr(complaints, "\n  dirty_max=SIZE (0 to 1T, default 16M)\n      ") != NULL);
    require_said("null\n"); // and the program goes on
    run("help=0", "plain");
    require_complaints("");
}

static void stats_prints_a_summary_at_exit(void)
{
    run("stats=1", "realloc");
    require_summary(complaints, last_program);
    require_said("null\n");
    run("stats=0", "plain");
    require_complaints("");
}

static void stats_outlives_stderr(void)
{
    run("stats=1", "closes stderr");
    require_summary(complaints, last_program);
    require_said("");
}

static void realloc_zero_keeps_keeps(void)
{
    run("realloc_zero_keeps=1", "realloc");
    require_complaints("");
    require_said("a block of 16 bytes\n");
    run("realloc_zero_keeps=0", "realloc");
    require_said("null\n");
}

// What stays of 64 MiB that were freed, in MiB: what the library says, and what is resident.
static void require_dirty(const char *options, long least_mib, long most_mib)
{
    long dirty, resident;
    run(options, "frees 64 MiB");
    REQUIRE(sscanf(said, "%ld %ld", &dirty, &resident) == 2);
    if (dirty < least_mib || dirty > most_mib)
        FAIL("%s: %ld MiB are dirty, not %ld to %ld", options, dirty, least_mib, most_mib);
    // Page tables and the library's own tables come on top.
    if (resident < least_mib - 2 || resident > most_mib + 4)
        FAIL("%s: %ld MiB are resident, not %ld to %ld", options, resident, least_mib, most_mib);
}

static void dirty_max_bounds_what_stays(void)
{
    require_dirty("dirty_max=0", 0, 0);
    require_dirty("", 10, 16);
    require_dirty("dirty_max=16777216", 10, 16);
    require_dirty("dirty_max=32M", 22, 32);
    require_dirty("dirty_max=64M", 46, 64);
    require_dirty("dirty_max=1G", 62, 65);
}

static void children_inherit(void)
{
    run("stats=1", "starts a child");
    const char *second = strstr(complaints + 1, "cairn[");
    REQUIRE(second != NULL);
    require_summary(second, last_program); // the child's comes first
    pid_t child = (pid_t)atol(complaints + strlen("cairn["));
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "%.*s", (int)(second - complaints), complaints);
    REQUIRE(child > 0 && child != last_program);
    require_summary(text, child);
}

// C_TESTS_OPTIONS_PRIVILEGED is linked with the library, because a preload is ignored too, and set
// up by `run` so that it has a group's rights.
static void privileges_ignore_the_variable(void)
{
    char *privileged = getenv("C_TESTS_OPTIONS_PRIVILEGED");
    if (!privileged)
        skip_check("only root can set up a program with privileges");
    start(privileged, "", "tells of privileges");
    if (strcmp(said, "privileged\n") != 0)
        skip_check("the file system doesn't give programs privileges (nosuid)");
    start(privileged, "stats=1:help=1:nonsense", "plain");
    require_complaints("");
    start(privileged, "realloc_zero_keeps=1", "realloc");
    require_said("null\n");
}

// The same program without its privileges heeds it: so the check above would notice.
static void the_same_without_privileges_heeds_it(void)
{
    char *plain = getenv("C_TESTS_OPTIONS_LINKED");
    unsetenv("LD_PRELOAD");
    start(plain, "realloc_zero_keeps=1", "realloc");
    require_said("a block of 16 bytes\n");
}

static const struct check table[] = {
    CHECK(without_options_nothing_is_said),
    CHECK(an_unknown_key_is_warned_of_once),
    CHECK(a_key_must_be_whole),
    CHECK(bad_switches_are_warned_of),
    CHECK(bad_sizes_are_warned_of),
    CHECK(bad_limits_are_warned_of),
    CHECK(several_are_joined_by_colons),
    CHECK(the_last_of_two_values_counts),
    CHECK(a_long_key_is_shown_in_part),
    CHECK(help_prints_the_table),
    CHECK(stats_prints_a_summary_at_exit),
    CHECK(stats_outlives_stderr),
    CHECK(realloc_zero_keeps_keeps),
    CHECK(dirty_max_bounds_what_stays),
    CHECK(children_inherit),
    CHECK(privileges_ignore_the_variable),
    CHECK(the_same_without_privileges_heeds_it),
};

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
