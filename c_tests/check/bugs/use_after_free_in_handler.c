// A handler during which all signals are blocked writes to a freed block.
// guarded: invalid-write size=4 block=64 where=inside:8 at=BUG alloc=ALLOC free=FREE
// unguarded: write-after-free block=64 where=inside:8 alloc=ALLOC free=FREE
// valgrind: invalid-write size=4 block=64 where=inside:8 at=BUG alloc=ALLOC free=FREE

#include <signal.h>
#include <stdlib.h>

static int *numbers;

static void tick(int signal)
{
    numbers[2] = signal; // BUG
}

int main(void)
{
    struct sigaction action = {.sa_handler = tick};
    sigfillset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    numbers = malloc(64); // ALLOC
    free(numbers); // FREE
    raise(SIGUSR1);
    return 0;
}
