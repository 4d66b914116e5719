// workloads NAME [DIVISOR]   run one workload and print its figure
// workloads --list           print the table: name, group and what it measures, with tabs between
//
// Every workload takes a fixed number of operations; DIVISOR makes that number smaller.

#include "workloads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t divisor = 1;

static const struct workload *const tables[] = {
    pair_workloads, batch_workloads,  replace_workloads, pass_workloads,
    thread_workloads, grow_workloads, memory_workloads,  memory_grow_workloads,
};
enum { TABLES = sizeof tables / sizeof *tables };

static int list(void)
{
    for (int i = 0; i < TABLES; i++)
        for (const struct workload *row = tables[i]; row->name; row++)
            printf("%s\t%s\t%s\n", row->name, row->group, row->measures);
    return 0;
}

static const struct workload *find(const char *name)
{
    for (int i = 0; i < TABLES; i++)
        for (const struct workload *row = tables[i]; row->name; row++)
            if (!strcmp(row->name, name))
                return row;
    return NULL;
}

int main(int count, char **arguments)
{
    // A buffer of stdio's own would come from the allocator under test.
    setvbuf(stdout, NULL, _IONBF, 0);
    if (count == 2 && !strcmp(arguments[1], "--list"))
        return list();
    const struct workload *row = count >= 2 ? find(arguments[1]) : NULL;
    if (!row) {
        fprintf(stderr, "usage: workloads NAME [DIVISOR] | --list\n");
        return 2;
    }
    if (count >= 3)
        divisor = strtoul(arguments[2], NULL, 10);
    if (!divisor)
        fail("the divisor is a number, and not 0");
    row->run(&row->parameters);
    return 0;
}
