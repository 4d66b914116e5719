// Signals arrive while the checker looks at everything at the end; their handler gives blocks of the
// heap to the kernel. There is a second thread, so locks are real;
// valgrind takes what the C library has for it as possibly lost.
// valgrind: noisy

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

enum { BLOCKS = 200000, GIVEN = 20, APART = 977 };

static int file;
static char *volatile blocks[BLOCKS];

static void handle(int signal_number)
{
    static int next;
    (void)signal_number;
    for (int given = 0; given < GIVEN; given++, next = (next + APART) % BLOCKS)
        if (write(file, blocks[next], 1) != 1)
            abort();
}

static void *wait_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

int main(void)
{
    pthread_t thread;
    file = open("/dev/null", O_WRONLY);
    if (file < 0 || pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
        return 1;
    for (int number = 0; number < BLOCKS; number++) {
        if (!(blocks[number] = malloc(24)))
            return 1;
        *blocks[number] = 'x';
    }
    signal(SIGALRM, handle);
    struct itimerval often = {{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &often, NULL);
    _exit(0);
}
