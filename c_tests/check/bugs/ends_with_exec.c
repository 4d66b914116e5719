// Behind a block one byte was written, and then another program takes the process over, whichever
// way. Where no guard stopped the write, it is found before that.
// runs: execl execle execlp execv execve execvp execvpe fexecve refused
// cairn: overrun|invalid-write block=61 where=after:0 alloc=ALLOC
// valgrind: invalid-write block=61 where=after:0 at=BUG alloc=ALLOC

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *kept;

int main(int argc, char **argv)
{
    const char *call = argc > 1 ? argv[1] : "";
    char *words[] = {"true", NULL}, **variables = environ;
    int file = open("/bin/true", O_RDONLY | O_CLOEXEC);
    kept = malloc(61); // ALLOC
    kept[61] = 'x'; // BUG
    if (strcmp(call, "execl") == 0)
        execl("/bin/true", "true", (char *)NULL);
    if (strcmp(call, "execle") == 0)
        execle("/bin/true", "true", (char *)NULL, variables);
    if (strcmp(call, "execlp") == 0)
        execlp("true", "true", (char *)NULL);
    if (strcmp(call, "execv") == 0)
        execv("/bin/true", words);
    if (strcmp(call, "execve") == 0)
        execve("/bin/true", words, variables);
    if (strcmp(call, "execvp") == 0)
        execvp("true", words);
    if (strcmp(call, "execvpe") == 0)
        execvpe("true", words, variables);
    if (strcmp(call, "fexecve") == 0)
        fexecve(file, words, variables);
    if (strcmp(call, "refused") == 0)
        execv("/no/such/program", words);
    return 0;
}
