// readv(2) scatters into two blocks, and the second is freed.
// guarded: system-call block=4096 where=inside:0 at=BUG alloc=ALLOC free=FREE
// unguarded: system-call block=4096 where=inside:0 at=BUG alloc=ALLOC free=FREE
// unguarded: write-after-free block=4096 where=inside:0 alloc=ALLOC free=FREE
// valgrind: system-call block=4096 where=inside:0 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

int main(void)
{
    int pipes[2];
    char *first = malloc(5), *second = malloc(4096); // ALLOC
    if (pipe(pipes) != 0 || write(pipes[1], "helloworld", 10) != 10)
        return 2;
    free(second); // FREE
    struct iovec parts[2] = {{first, 5}, {second, 5}};
    ssize_t got = readv(pipes[0], parts, 2); // BUG
    free(first);
    return got == 12345;
}
