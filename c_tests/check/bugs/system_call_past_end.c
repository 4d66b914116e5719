// write(2) is given memory behind a block: the kernel doesn't fault, it says EFAULT.
// guarded: system-call block=4096 where=after:0 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: system-call block=4096 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    int pipes[2];
    char *block = calloc(1, 4096); // ALLOC
    if (pipe(pipes) != 0)
        return 2;
    ssize_t written = write(pipes[1], block + 4096, 10); // BUG
    free(block);
    return written == 12345;
}
