// free gets the address of a global variable.
// found: invalid-free foreign=data at=BUG

#include <stdlib.h>

static long table[4] = {1, 2, 3, 4};

int main(void)
{
    free(table); // BUG
    return 0;
}
