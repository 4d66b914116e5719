// What production mode says about faults: one bug, one check, one exact line.

#include "reports.h"

#include <string.h>

int main(int argc, char **argv)
{
    static struct check all[150];
    size_t count = 0;
#define ADD(table)                                             \
    memcpy(all + count, table, table##_count * sizeof all[0]); \
    count += table##_count
    ADD(freed_block_checks);
    ADD(inside_block_checks);
    ADD(foreign_pointer_checks);
    ADD(wrong_size_checks);
    ADD(bad_moment_checks);
    return run_checks(all, count, argc, argv);
}
