// fwrite is told that a block is longer than it is, and hands all of it to the kernel.
// guarded: system-call block=100000 where=after:0 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: system-call block=100000 where=after:0 at=BUG alloc=ALLOC
// some

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    FILE *file = tmpfile();
    char *block = calloc(1, 100000); // ALLOC
    size_t written = fwrite(block, 1, 110000, file); // BUG
    free(block);
    fclose(file);
    return written == 12345;
}
