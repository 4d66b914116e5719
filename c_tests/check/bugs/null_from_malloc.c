// malloc had no memory, and the program didn't look.
// found: fatal-signal|invalid-write at=BUG

#include <stdlib.h>

int main(void)
{
    volatile size_t size = (size_t)1 << 46;
    char *block = malloc(size);
    block[0] = 'x'; // BUG
    free(block);
    return 0;
}
