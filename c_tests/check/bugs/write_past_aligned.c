// A byte behind a block that posix_memalign aligned: to 32 bytes, ..., to a page.
// runs: 32 64 128 256 1024 4096
// guarded: invalid-write size=1 block=8192 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun|invalid-write block=8192 where=after:0 at=FREE|BUG alloc=ALLOC
// valgrind: invalid-write size=1 block=8192 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(int argc, char **argv)
{
    void *block = NULL;
    if (argc < 2 || posix_memalign(&block, strtoul(argv[1], NULL, 10), 8192) != 0) // ALLOC
        return 1;
    ((char *)block)[8192] = 'x'; // BUG
    free(block); // FREE
    return 0;
}
