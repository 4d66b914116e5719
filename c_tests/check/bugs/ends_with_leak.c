// However the process ends by its own will: the search for leaks is made.
// runs: return exit _exit quick_exit thread
// leak: definite bytes=40 blocks=1 alloc=ALLOC

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void work(void)
{
    char *block = malloc(40); // ALLOC
    block[0] = 'x';
    block = NULL;
}

int main(int argc, char **argv)
{
    const char *end = argc > 1 ? argv[1] : "";
    work();
    if (strcmp(end, "exit") == 0)
        exit(0);
    if (strcmp(end, "_exit") == 0)
        _exit(0);
    if (strcmp(end, "quick_exit") == 0)
        quick_exit(0);
    if (strcmp(end, "thread") == 0)
        pthread_exit(NULL);
    return 0;
}
