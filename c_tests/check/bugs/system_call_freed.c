// read(2) is given a freed block to read into.
// guarded: system-call block=4096 where=inside:0 at=BUG alloc=ALLOC free=FREE
// unguarded: system-call block=4096 where=inside:0 at=BUG alloc=ALLOC free=FREE
// unguarded: write-after-free block=4096 where=inside:0 alloc=ALLOC free=FREE
// valgrind: system-call block=4096 where=inside:0 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    int pipes[2];
    char *block = malloc(4096); // ALLOC
    if (pipe(pipes) != 0 || write(pipes[1], "hello", 5) != 5)
        return 2;
    free(block); // FREE
    ssize_t got = read(pipes[0], block, 5); // BUG
    return got == 12345;
}
