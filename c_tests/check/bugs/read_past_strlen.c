// A text without its terminator: strlen runs past the end.
// guarded: invalid-read block=16 where=after:0 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read block=16 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *text = malloc(16); // ALLOC
    memset(text, 'x', 16);
    volatile size_t length = strlen(text); // BUG
    (void)length;
    free(text);
    return 0;
}
