// A pointer is overwritten by the next block's.
// leak: definite bytes=100 blocks=1 alloc=FIRST

#include <stdlib.h>

static char *kept;

int main(void)
{
    kept = malloc(100); // FIRST
    kept = malloc(50);
    free(kept);
    kept = NULL;
    return 0;
}
