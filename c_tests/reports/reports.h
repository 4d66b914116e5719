// The tables of faults, one for each file here; main.c joins them.

#ifndef REPORTS_H
#define REPORTS_H

#include "report.h"

#define TABLE(name)                   \
    extern const struct check name[]; \
    extern const size_t name##_count

TABLE(freed_block_checks);
TABLE(inside_block_checks);
TABLE(foreign_pointer_checks);
TABLE(wrong_size_checks);
TABLE(bad_moment_checks);

// A fault becomes a check: FAULT(double_free) names the function and the check alike.
#define FAULT(name)                \
    static void name(void);        \
    static void check_##name(void) \
    {                              \
        require_report(name);      \
    }                              \
    static void name(void)

#define ENTRY(name) {#name, check_##name}

#define DEFINE_TABLE(name, ...)                \
    const struct check name[] = {__VA_ARGS__}; \
    const size_t name##_count = sizeof name / sizeof name[0]

#endif
