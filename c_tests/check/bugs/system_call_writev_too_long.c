// writev(2) is told that the second block is one byte longer than it is.
// guarded: system-call block=64 where=after:0 at=BUG alloc=ALLOC
// unguarded: system-call block=64 where=after:0 at=BUG alloc=ALLOC
// valgrind: system-call block=64 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

int main(void)
{
    int pipes[2];
    char *first = calloc(1, 32);
    char *second = calloc(1, 64); // ALLOC
    if (pipe(pipes) != 0)
        return 2;
    struct iovec parts[2] = {{first, 32}, {second, 65}};
    ssize_t written = writev(pipes[1], parts, 2); // BUG
    free(first);
    free(second);
    return written == 12345;
}
