// Rule: mallinfo, mallinfo2, mallopt, malloc_trim, malloc_stats and malloc_info tell true numbers
// and have true effects.

#include "contract.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS = 10486, BLOCK_BYTES = 1000, TOTAL_BYTES = BLOCKS * BLOCK_BYTES }; // 10 MiB

static void *blocks[BLOCKS];

static void take_blocks(void)
{
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK_BYTES);
        REQUIRE(blocks[i] != NULL);
    }
}

static void give_blocks(void)
{
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
}

// What was asked for, and at most a tenth more for rounding.
static void require_about_total(size_t bytes, const char *what)
{
    if (bytes < TOTAL_BYTES || bytes > TOTAL_BYTES + TOTAL_BYTES / 10)
        FAIL("%s: %zu instead of about %d", what, bytes, TOTAL_BYTES);
}

static void mallinfo2_counts_blocks_in_use(void)
{
    size_t before = mallinfo2().uordblks;
    take_blocks();
    size_t during = mallinfo2().uordblks;
    require_about_total(during - before, "uordblks grows by");
    give_blocks();
    size_t after = mallinfo2().uordblks;
    require_about_total(during - after, "uordblks falls by");
}

static void mallinfo_counts_blocks_in_use(void)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" // old programs still call it
    int before = mallinfo().uordblks;
    take_blocks();
    int during = mallinfo().uordblks;
    require_about_total((size_t)(during - before), "uordblks grows by");
    give_blocks();
    require_about_total((size_t)(during - mallinfo().uordblks), "uordblks falls by");
#pragma GCC diagnostic pop
}

static void mallinfo2_adds_up(void)
{
    take_blocks();
    struct mallinfo2 info = mallinfo2();
    if (info.arena != info.uordblks + info.fordblks)
        FAIL("arena %zu, uordblks %zu, fordblks %zu", info.arena, info.uordblks, info.fordblks);
    REQUIRE(info.arena >= TOTAL_BYTES);
    for (int i = 0; i < BLOCKS; i += 2)
        free(blocks[i]);
    struct mallinfo2 half = mallinfo2();
    REQUIRE(half.arena == half.uordblks + half.fordblks);
    REQUIRE(half.uordblks < info.uordblks);
}

static void mallinfo2_counts_large_blocks(void)
{
    struct mallinfo2 before = mallinfo2();
    void *block = malloc((size_t)100 << 20);
    REQUIRE(block != NULL);
    struct mallinfo2 during = mallinfo2();
    size_t grown = during.uordblks + during.hblkhd - before.uordblks - before.hblkhd;
    REQUIRE(grown >= (size_t)100 << 20 && grown < (size_t)101 << 20);
    free(block);
    struct mallinfo2 after = mallinfo2();
    REQUIRE(after.uordblks + after.hblkhd < before.uordblks + before.hblkhd + (1 << 20));
}

// Memory that is given back at free, without a call of malloc_trim.
static void mallopt_sets_the_trim_threshold(void)
{
    size_t before_kib = status_kib("VmRSS:");
    REQUIRE(mallopt(M_TRIM_THRESHOLD, 0) == 1);
    for (int round = 0; round < 10; round++) {
        take_blocks();
        for (int i = 0; i < BLOCKS; i++)
            memset(blocks[i], 1, BLOCK_BYTES);
        give_blocks();
    }
    if (status_kib("VmRSS:") > before_kib + TOTAL_BYTES / 1024 / 2)
        FAIL("%zu KiB more than at the start", status_kib("VmRSS:") - before_kib);
}

// Parameters without a meaning for the tested heap may be refused (0), but must do no harm.
static void mallopt_survives_every_parameter(void)
{
    errno = 1234;
    for (int parameter = -20; parameter <= 20; parameter++) {
        int result = mallopt(parameter, 64);
        REQUIRE(result == 0 || result == 1);
    }
    REQUIRE(errno == 1234);
    take_blocks();
    give_blocks();
}

static void malloc_trim_gives_pages_back(void)
{
    enum { PAGES = 30000 }; // about 120 MB
    static char *pages[PAGES];
    size_t before_kib = status_kib("VmRSS:");
    for (int i = 0; i < PAGES; i++) {
        REQUIRE(pages[i] = malloc(4000));
        memset(pages[i], 1, 4000);
    }
    for (int i = 0; i < PAGES - 1;
         i++) // the last one lives, so that the heap can't just shrink at its end
        free(pages[i]);
    errno = 1234;
    int released = malloc_trim(0);
    REQUIRE((released == 0 || released == 1) && errno == 1234);
    if (status_kib("VmRSS:") > before_kib + 30000)
        FAIL("%zu KiB more than at the start", status_kib("VmRSS:") - before_kib);
    REQUIRE(pages[PAGES - 1][3999] == 1);
}

// True if one of the numbers in the text tells the blocks that the check has taken, in bytes or,
// for human readers, in MiB.
static bool tells_total(const char *text)
{
    while (*text) {
        char *end = NULL;
        if (strspn(text, "0123456789") == 0) {
            text++;
            continue;
        }
        double number = strtod(text, &end);
        if (strncmp(end, " MiB", 4) == 0)
            number *= 1 << 20;
        if (number > TOTAL_BYTES * 0.99 && number < TOTAL_BYTES * 1.2)
            return true;
        text = end;
    }
    return false;
}

static void malloc_stats_tells_bytes_in_use(void)
{
    static char text[65536];
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    take_blocks();
    REQUIRE(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    malloc_stats();
    fflush(stderr);
    REQUIRE(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    ssize_t length = read(ends[0], text, sizeof text - 1);
    if (length <= 0 || !tells_total(text))
        FAIL("no number of about %d in: %.500s", TOTAL_BYTES, text);
}

static void malloc_info_writes_true_xml(void)
{
    static char text[262144];
    FILE *file = tmpfile();
    REQUIRE(file != NULL);
    take_blocks();
    REQUIRE(malloc_info(0, file) == 0);
    rewind(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = 0;
    REQUIRE(strncmp(text, "<malloc version=\"1\">", 20) == 0);
    REQUIRE(strstr(text, "</malloc>") != NULL);
    if (on_cairn() &&
        !tells_total(text)) // glibc tells the free bytes and the system's, not those in use
        FAIL("no number of about %d in: %.500s", TOTAL_BYTES, text);
}

static void malloc_info_refuses_unknown_options(void)
{
    REQUIRE(malloc_info(1, stdout) == EINVAL);
}

DEFINE_TABLE(statistics_checks, CHECK(mallinfo2_counts_blocks_in_use),
             CHECK(mallinfo_counts_blocks_in_use), CHECK(mallinfo2_adds_up),
             CHECK(mallinfo2_counts_large_blocks), CHECK(mallopt_sets_the_trim_threshold),
             CHECK(mallopt_survives_every_parameter), CHECK(malloc_trim_gives_pages_back),
             CHECK(malloc_stats_tells_bytes_in_use), CHECK(malloc_info_writes_true_xml),
             CHECK(malloc_info_refuses_unknown_options));
