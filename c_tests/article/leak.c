// Lesson: the last pointer to a block goes out of scope, and the block can't be freed any more.
// Cairn's production mode: nothing, see leak.silent. `cairn check` finds it.

#include <stdio.h>
#include <stdlib.h>

static void work(void)
{
    int *data = malloc(100 * sizeof(int));
    if (!data)
        exit(1);
    data[0] = 42;
    printf("worked with %d\n", data[0]);
} // BUG: no free

int main(void)
{
    work();
    return 0;
}
