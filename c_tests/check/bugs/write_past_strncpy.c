// strncpy fills all that it is told there is with nulls: the size is that of another buffer.
// guarded: invalid-write block=32 at=BUG alloc=ALLOC
// unguarded: overrun block=32 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write block=32 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *(*volatile copy)(char *, const char *, size_t) = strncpy;
    char *text = malloc(32); // ALLOC
    copy(text, "short", 64); // BUG
    free(text); // FREE
    return 0;
}
