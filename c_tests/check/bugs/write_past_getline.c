// getline's block has as many bytes as it says, and no more.
// guarded: overrun|invalid-write block=120 where=after:0 at=FREE|BUG
// unguarded: overrun block=120 where=after:0 at=FREE
// valgrind: invalid-write size=1 block=120 where=after:0 at=BUG

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    FILE *file = fmemopen("one line\n", 9, "r");
    if (getline(&line, &size, file) < 0 || size != 120)
        return 1;
    line[size] = '\0'; // BUG
    free(line); // FREE
    fclose(file);
    return 0;
}
