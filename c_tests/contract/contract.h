// The tables of checks, one for each file here; main.c joins them. Each check is one rule of the C
// contract (docs: CONTRACT.md); its name says which.

#ifndef CONTRACT_H
#define CONTRACT_H

#include "../checks.h"

#define TABLE(name)                   \
    extern const struct check name[]; \
    extern const size_t name##_count

TABLE(names_checks);
TABLE(size_zero_checks);
TABLE(too_large_checks);
TABLE(alignment_checks);
TABLE(usable_size_checks);
TABLE(errno_checks);
TABLE(realloc_checks);
TABLE(calloc_checks);
TABLE(sized_free_checks);
TABLE(statistics_checks);

#define DEFINE_TABLE(name, ...)                \
    const struct check name[] = {__VA_ARGS__}; \
    const size_t name##_count = sizeof name / sizeof name[0]

// Sizes on both sides of the borders that allocators have: classes, pages, units, the large ones.
extern const size_t border_sizes[];
extern const size_t border_sizes_count;

// A function of the tested library that older C libraries don't have; skips the check where it is
// missing.
void *named_function(const char *name);

#endif
