// One fault = one check: a child commits it, and must end by SIGABRT with exactly one expected line
// on stderr.
//
// The child knows its own addresses, so it writes the line that it expects first (`expect`), and
// then commits the fault. Nothing is masked: process id, addresses, the distance into the block and
// its size are all compared.

#ifndef REPORT_H
#define REPORT_H

#include "../checks.h"

#ifdef __cplusplus
extern "C" {
#endif

// Called by the fault: the text between "cairn[pid]: " and "; run it under ...". Each call adds one
// line that would be right as well.
void expect(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Runs a fault in a child, with stderr caught, and compares.
void require_report(void (*fault)(void));
// The same, when the child can't know the whole line: one line that contains `part`.
void require_report_with(void (*fault)(void), const char *part);
// The same, when the program has spoiled stderr: only the end by SIGABRT is compared.
void require_abort(void (*fault)(void));

#ifdef __cplusplus
}
#endif

#endif
