// Behind a block that nobody frees one byte was written. Where no guard stopped it, it is found at
// the end, however that comes.
// runs: return exit _exit quick_exit abort thread exec
// cairn: overrun|invalid-write block=61 where=after:0 alloc=ALLOC
// valgrind: invalid-write block=61 where=after:0 at=BUG alloc=ALLOC

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *kept;

int main(int argc, char **argv)
{
    const char *end = argc > 1 ? argv[1] : "";
    kept = malloc(61); // ALLOC
    kept[61] = 'x'; // BUG
    if (strcmp(end, "exit") == 0)
        exit(0);
    if (strcmp(end, "_exit") == 0)
        _exit(0);
    if (strcmp(end, "quick_exit") == 0)
        quick_exit(0);
    if (strcmp(end, "abort") == 0)
        abort();
    if (strcmp(end, "thread") == 0)
        pthread_exit(NULL);
    if (strcmp(end, "exec") == 0)
        execvp("true", (char *[]){"true", NULL});
    return 0;
}
