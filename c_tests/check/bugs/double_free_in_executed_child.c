// The bug is in a program that the program starts.
// found: double-free block=72 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc == 1) {
        pid_t child = fork();
        if (child == 0) {
            execl(argv[0], argv[0], "child", (char *)NULL);
            _exit(127);
        }
        waitpid(child, NULL, 0);
        return 0;
    }
    char *block = malloc(72); // ALLOC
    free(block); // FREE
    free(block); // BUG
    return 0;
}
