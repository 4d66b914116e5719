// The character behind a text of 20 bytes without its end is read.
// guarded: invalid-read size=1 block=20 where=after:0 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read size=1 block=20 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *text = malloc(20); // ALLOC
    memset(text, 'x', 20);
    volatile char next = text[20]; // BUG
    (void)next;
    free(text);
    return 0;
}
