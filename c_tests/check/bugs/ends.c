// However the process ends: what was found before isn't lost.
// runs: return exit _exit quick_exit abort terminate kill thread exec
// found: double-free block=40 at=BUG alloc=ALLOC free=FREE

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const char *end = argc > 1 ? argv[1] : "";
    char *block = malloc(40); // ALLOC
    free(block); // FREE
    free(block); // BUG
    if (strcmp(end, "exit") == 0)
        exit(0);
    if (strcmp(end, "_exit") == 0)
        _exit(0);
    if (strcmp(end, "quick_exit") == 0)
        quick_exit(0);
    if (strcmp(end, "abort") == 0)
        abort();
    if (strcmp(end, "terminate") == 0)
        raise(SIGTERM);
    if (strcmp(end, "kill") == 0)
        raise(SIGKILL);
    if (strcmp(end, "thread") == 0)
        pthread_exit(NULL);
    if (strcmp(end, "exec") == 0)
        execlp("true", "true", (char *)NULL);
    return 0;
}
