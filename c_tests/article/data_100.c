// Lesson: an array of 100 has no element 100.
// Cairn's production mode: nothing, see data_100.silent. `cairn check` finds it.

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    int *data = malloc(100 * sizeof(int));
    if (!data)
        return 1;
    data[100] = 42; // BUG: 0 bytes after a block of 400
    printf("written\n");
    free(data);
    return 0;
}
