// A member of the struct behind an array of three structs of 24 bytes is read.
// guarded: invalid-read size=8 block=72 where=after:8 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read size=8 block=72 where=after:8 at=BUG alloc=ALLOC

#include <stdlib.h>

struct place {
    long row, column;
    char kind;
};

int main(void)
{
    struct place *places = calloc(3, sizeof *places); // ALLOC
    volatile long column = places[3].column; // BUG
    (void)column;
    free(places);
    return 0;
}
