// read(2) is told that the block is longer than it is, and there is enough to read.
// guarded: system-call block=64 where=after:0 at=BUG alloc=ALLOC
// unguarded: system-call block=64 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=64 where=after:0 at=FREE alloc=ALLOC
// valgrind: system-call block=64 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    int pipes[2];
    char text[80] = "a text";
    char *block = malloc(64); // ALLOC
    if (pipe(pipes) != 0 || write(pipes[1], text, 80) != 80)
        return 2;
    ssize_t got = read(pipes[0], block, 80); // BUG
    free(block); // FREE
    return got == 12345;
}
