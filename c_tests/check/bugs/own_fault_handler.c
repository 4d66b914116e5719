// The program has a SIGSEGV handler of its own, on a stack of its own, that ends it: the report comes
// first, then the handler.
// guarded: invalid-write size=8 block=32 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=32 where=after:0 alloc=ALLOC
// valgrind: invalid-write size=8 block=32 where=after:0 at=BUG alloc=ALLOC

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static long *block;

static void handler(int number)
{
    (void)number;
    _exit(3);
}

int main(void)
{
    static char stack[65536];
    stack_t settings = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    sigaltstack(&settings, NULL);
    sigaction(SIGSEGV, &action, NULL);
    block = malloc(32); // ALLOC
    block[4] = 1; // BUG
    return 0;
}
