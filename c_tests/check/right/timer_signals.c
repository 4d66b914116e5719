// A timer interrupts the program a thousand times a second, in the middle of malloc and free; the
// handler uses memory that was allocated before.

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static char *scratch;
static volatile int ticks;

static void tick(int number)
{
    (void)number;
    memset(scratch, ++ticks & 127, 4096);
}

int main(void)
{
    scratch = malloc(4096);
    struct itimerval every = {{0, 1000}, {0, 1000}};
    signal(SIGALRM, tick);
    setitimer(ITIMER_REAL, &every, NULL);
    while (ticks < 100) {
        int size = ticks * 13 + 1;
        char *block = malloc(size);
        block[size - 1] = 'x';
        free(block);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    free(scratch);
    return 0;
}
