// A forked child leaks; its parent frees everything.
// leak: definite bytes=300 blocks=1 alloc=ALLOC

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void work(void)
{
    char *block = malloc(300); // ALLOC
    block[0] = 'x';
    block = NULL;
}

int main(void)
{
    pid_t child = fork();
    if (child == 0) {
        work();
        exit(0);
    }
    waitpid(child, NULL, 0);
    return 0;
}
