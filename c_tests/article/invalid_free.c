// Lesson: free takes the pointer that malloc gave, not one into the middle of the block.
// Cairn's production mode: a report that says which block, and how far into it:
// invalid_free.expected.

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    int *data = malloc(100 * sizeof(int));
    if (!data)
        return 1;
    free(data + 10); // BUG: 40 bytes into the block
    printf("not reached\n");
    return 0;
}
