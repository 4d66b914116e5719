// The program uses up all mappings that the kernel grants a process (65,530), then writes past a
// block: with fewer guards, but found.
// cairn: overrun|invalid-write block=93 where=after:0 at=BUG|FREE alloc=ALLOC
// valgrind: noisy

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

// Pages of a reservation, every second one with access, are a mapping each.
static int use_up(void)
{
    enum { PAGES = 200000 };
    char *pages = mmap(NULL, (size_t)PAGES * 4096, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED)
        return 0;
    for (size_t i = 0; i < PAGES; i += 2)
        if (mprotect(pages + i * 4096, 4096, PROT_READ) != 0)
            return 1;
    return 0;
}

int main(void)
{
    static char *blocks[5000];
    for (int i = 0; i < 100; i++)
        blocks[i] = malloc(93);
    for (int i = 0; i < 100; i++)
        free(blocks[i]);
    if (!use_up())
        return 3;
    for (int i = 0; i < 5000; i++)
        blocks[i] = malloc(i % 500 + 93); // ALLOC
    for (int i = 0; i < 5000; i++)
        if (blocks[i])
            blocks[i][i % 500 + 92] = 'x';
    for (int i = 1; i < 5000; i++)
        free(blocks[i]);
    blocks[0][93] = 'x'; // BUG
    free(blocks[0]); // FREE
    return 0;
}
