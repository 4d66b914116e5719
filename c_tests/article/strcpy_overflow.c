// Lesson: strcpy doesn't know how large the block is: 12 bytes go into a block of 4.
// Cairn's production mode: nothing, see strcpy_overflow.silent. `cairn check` finds it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *text = malloc(4);
    if (!text)
        return 1;
    strcpy(text, "hello world"); // BUG: 8 bytes past the end
    printf("%s\n", text);
    free(text);
    return 0;
}
