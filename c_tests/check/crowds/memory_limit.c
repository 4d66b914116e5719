// 1 GiB of address space is all there is. The program takes blocks until there is no more, frees
// half of them, and then frees one twice: malloc says NULL in between, and the checker survives.
// limit: 1048576
// cairn: double-free block=100000 at=BUG alloc=ALLOC free=FREE
// valgrind: noisy

#include <errno.h>
#include <stdlib.h>

enum { BLOCKS = 20000 };

static char *blocks[BLOCKS];

int main(void)
{
    int count = 0;
    while (count < BLOCKS && (blocks[count] = malloc(100000))) // ALLOC
        blocks[count++][99999] = 'x';
    if (count < 1000 || count == BLOCKS || errno != ENOMEM)
        return 3;
    for (int i = 1; i < count; i += 2) {
        free(blocks[i]); // FREE
        if (i == count / 4 * 2 + 1)
            free(blocks[i]); // BUG
        blocks[i] = NULL;
    }
    for (int i = 0; i < count; i += 2)
        free(blocks[i]);
    return 0;
}
