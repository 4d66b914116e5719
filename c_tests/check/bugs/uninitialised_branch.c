// A branch on a value that nobody has written. Cairn doesn't promise to find it.
// cairn: none
// valgrind: uninitialised at=BUG

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    int *flag = malloc(sizeof *flag);
    if (*flag == 12345) // BUG
        puts("unlikely");
    free(flag);
    return 0;
}
