// A crew: threads that start their work at one moment, timed from that moment to the last one's
// end.
#ifndef CAIRN_CREW_H
#define CAIRN_CREW_H

#include "workloads.h"

enum { MOST_THREADS = 16 };

// What one member does; `number` counts them from 0.
typedef void member(void *context, int number);

uint64_t run_crew(int threads, member *, void *context);

// Waits a little for another thread: spins first, then lets it have the processor. `tries` starts
// at 0 and counts.
void wait_a_little(unsigned *tries);

#endif
