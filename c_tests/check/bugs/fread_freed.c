// fread reads much at once straight into a block that is freed: the kernel says EFAULT inside the C
// library, and fread that it has read nothing.
// guarded: system-call block=100000 where=inside:0 at=BUG alloc=ALLOC free=FREE
// unguarded: write-after-free block=100000 where=inside:0 alloc=ALLOC free=FREE
// valgrind: system-call block=100000 where=inside:0 at=BUG alloc=ALLOC free=FREE
// some

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    FILE *file = fopen("/dev/zero", "r");
    char *block = malloc(100000); // ALLOC
    free(block); // FREE
    size_t got = fread(block, 1, 100000, file); // BUG
    fclose(file);
    return got == 12345;
}
