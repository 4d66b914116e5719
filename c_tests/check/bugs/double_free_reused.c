// Between the two frees the program allocates a thousand blocks of the same size: a heap that gives
// the memory out again at once can't tell the second free from an honest one.
// found: double-free block=48 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>

int main(void)
{
    static char *others[1000];
    char *block = malloc(48); // ALLOC
    free(block); // FREE
    for (int i = 0; i < 1000; i++)
        others[i] = malloc(48);
    free(block); // BUG
    for (int i = 0; i < 1000; i++)
        free(others[i]);
    return 0;
}
