// Two keys are compared by the longer one's length.
// guarded: invalid-read block=32 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read block=32 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <string.h>

int main(void)
{
    int (*volatile compare)(const void *, const void *, size_t) = memcmp;
    char *key = calloc(1, 32); // ALLOC
    char other[512] = {0};
    int order = compare(key, other, sizeof other); // BUG
    free(key);
    return order == 12345;
}
