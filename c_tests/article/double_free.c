// Lesson: a block is freed once. After the first free the pointer still has its value, and that's
// all that it has. Cairn's production mode: a report at the second free, and the end:
// double_free.expected.

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    int *data = malloc(100 * sizeof(int));
    if (!data)
        return 1;
    data[0] = 42;
    free(data);
    free(data); // BUG
    printf("not reached\n");
    return 0;
}
