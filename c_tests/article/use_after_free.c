// Lesson: a freed block may be read and written without a crash, which is the worst that it can do
// to you. Cairn's production mode: nothing, see use_after_free.silent. `cairn check` finds it.

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    int *data = malloc(100 * sizeof(int));
    if (!data)
        return 1;
    data[50] = 42;
    free(data);
    data[50] = data[50] + 1; // BUG: a read and a write
    printf("read and written after free\n");
    return 0;
}
