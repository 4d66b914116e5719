// Allocations from a call depth of 20,000, with frames of different sizes.

#include <alloca.h>
#include <stdlib.h>
#include <string.h>

static int descend(int depth)
{
    char *frame = alloca(depth % 64 + 1);
    memset(frame, 'x', depth % 64 + 1);
    char *block = malloc(depth % 100 + 1);
    block[depth % 100] = frame[depth % 64];
    int sum = depth > 0 ? descend(depth - 1) : 0;
    sum += block[depth % 100];
    free(block);
    return sum;
}

int main(void)
{
    return descend(20000) != 20001 * 'x';
}
