// One check for each rule of the C contract: run it alone on glibc, under LD_PRELOAD on Cairn.

#include "contract.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

const size_t border_sizes[] = {
    1,      8,      15,     16,     17,      31,      32,      33,       48,
    49,     64,     65,     100,    128,     500,     992,     993,      1000,
    1024,   1025,   2048,   2049,   4000,    4096,    4097,    8191,     8192,
    8193,   12288,  16000,  32768,  65535,   65536,   65537,   100000,   131072,
    262144, 262145, 300000, 524288, 1048576, 1048577, 4194304, 10000000, 33554432,
};
const size_t border_sizes_count = sizeof border_sizes / sizeof border_sizes[0];

void *named_function(const char *name)
{
    void *function = dlsym(RTLD_DEFAULT, name);
    static char reason[128];
    if (function)
        return function;
    if (on_cairn())
        FAIL("%s is missing", name);
    snprintf(reason, sizeof reason, "this glibc has no %s", name);
    skip_check(reason);
}

int main(int argc, char **argv)
{
    static struct check all[200];
    size_t count = 0;
#define ADD(table)                                             \
    memcpy(all + count, table, table##_count * sizeof all[0]); \
    count += table##_count
    ADD(names_checks);
    ADD(size_zero_checks);
    ADD(too_large_checks);
    ADD(alignment_checks);
    ADD(usable_size_checks);
    ADD(errno_checks);
    ADD(realloc_checks);
    ADD(calloc_checks);
    ADD(sized_free_checks);
    ADD(statistics_checks);
    return run_checks(all, count, argc, argv);
}
