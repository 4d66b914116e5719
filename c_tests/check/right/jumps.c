// longjmp out of deep calls and out of a signal handler; blocks that the frames held are freed by
// those who jumped.

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

static jmp_buf home;
static sigjmp_buf signal_home;
static char *held[100];

static void descend(int depth)
{
    held[depth] = malloc(depth + 1);
    if (depth == 99)
        longjmp(home, 1);
    descend(depth + 1);
}

static void handler(int number)
{
    (void)number;
    siglongjmp(signal_home, 1);
}

int main(void)
{
    for (int round = 0; round < 20; round++) {
        if (setjmp(home) == 0)
            descend(0);
        for (int i = 0; i < 100; i++)
            free(held[i]);
    }
    signal(SIGUSR1, handler);
    for (volatile int round = 0; round < 20; round++) {
        char *volatile block = malloc(50);
        if (sigsetjmp(signal_home, 1) == 0)
            raise(SIGUSR1);
        free(block);
    }
    return 0;
}
