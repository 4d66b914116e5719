// sprintf writes more digits than there is room for.
// cairn: overrun|invalid-write block=8 at=FREE|BUG alloc=ALLOC
// valgrind: invalid-write block=8 at=BUG alloc=ALLOC

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char *text = malloc(8); // ALLOC
    sprintf(text, "%d", 1234567890); // BUG
    free(text); // FREE
    return 0;
}
