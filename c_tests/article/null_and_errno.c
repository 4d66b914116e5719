// Lesson: a process of 512 MiB asks for more than there is. malloc says so by NULL and errno, and
// the program that looks goes on with less. Cairn's production mode: nothing to say. The same
// output as on glibc: null_and_errno.output.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const size_t MIB = 1024 * 1024;

// The limit must stand before the process starts, as `ulimit -v` in the shell sets it: so set it
// and start once more.
static void limit_to(size_t bytes, char **argv)
{
    struct rlimit limit = {bytes, bytes};
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        perror("setrlimit");
    execl("/proc/self/exe", argv[0], "limited", (char *)NULL);
    perror("exec");
    exit(1);
}

static char *ask(size_t bytes)
{
    char *block = malloc(bytes);
    if (block)
        printf("%zu MiB: there they are\n", bytes / MIB);
    else
        printf("%zu MiB: %s (%s)\n", bytes / MIB, strerror(errno),
               errno == ENOMEM ? "ENOMEM" : "not ENOMEM");
    return block;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        limit_to(512 * MIB, argv);
    char *block = ask(1024 * MIB);
    if (!block)
        block = ask(600 * MIB);
    if (!block)
        block = ask(100 * MIB);
    if (!block)
        return 1;
    memset(block, 1, 100 * MIB);
    printf("the last byte is %d\n", block[100 * MIB - 1]);
    free(block);
    return 0;
}
