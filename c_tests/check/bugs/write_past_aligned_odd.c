// A byte behind a block whose alignment is larger than its size: whatever the alignment leaves
// behind the end is watched too.
// runs: 32 64 512 4096
// cairn: overrun|invalid-write block=24 where=after:0 at=FREE|BUG alloc=ALLOC
// valgrind: invalid-write size=1 block=24 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(int argc, char **argv)
{
    char *block = argc < 2 ? NULL : aligned_alloc(strtoul(argv[1], NULL, 10), 24); // ALLOC
    if (!block)
        return 1;
    block[24] = 'x'; // BUG
    free(block); // FREE
    return 0;
}
