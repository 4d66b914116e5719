// sigaction and signal answer with the handlers that the program itself set, and a default one is
// reported as the default.

#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void first(int number)
{
    (void)number;
}

static void second(int number, siginfo_t *information, void *context)
{
    (void)number, (void)information, (void)context;
}

int main(void)
{
    struct sigaction old, action = {.sa_handler = first};
    free(malloc(10));
    if (sigaction(SIGSEGV, NULL, &old) != 0 || old.sa_handler != SIG_DFL)
        return 1;
    if (sigaction(SIGSEGV, &action, &old) != 0 || old.sa_handler != SIG_DFL)
        return 2;
    action = (struct sigaction){.sa_sigaction = second, .sa_flags = SA_SIGINFO};
    if (sigaction(SIGSEGV, &action, &old) != 0 || old.sa_handler != first)
        return 3;
    if (sigaction(SIGSEGV, NULL, &old) != 0 || old.sa_sigaction != second)
        return 4;
    if (!(old.sa_flags & SA_SIGINFO))
        return 5;
    if (signal(SIGSEGV, SIG_IGN) != (sighandler_t)second || signal(SIGSEGV, SIG_DFL) != SIG_IGN)
        return 6;
    return 0;
}
