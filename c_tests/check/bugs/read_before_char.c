// A trailing blank is looked for backwards in a string of blanks, and beyond its start.
// needs: watchpoints
// guarded: invalid-read size=1 block=16 where=before:1|before:8 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read size=1 block=16 where=before:1 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *text = malloc(16); // ALLOC
    memset(text, ' ', 15);
    text[15] = 0;
    char *end = text + 14;
    while (*end == ' ') // BUG
        end--;
    free(text);
    return 0;
}
