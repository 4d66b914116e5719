// strcpy into a block that is too short; the write is in the C library.
// guarded: invalid-write block=16 at=BUG alloc=ALLOC
// unguarded: overrun block=16 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write block=16 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *(*from)(const char *, int) = (const char *(*)(const char *, int))strchr;
    char *text = malloc(16); // ALLOC
    strcpy(text, from("a text of 26 bytes or more", 'a')); // BUG
    free(text); // FREE
    return 0;
}
