// free gets the address of a local variable.
// found: invalid-free foreign=stack at=BUG

#include <stdlib.h>

int main(void)
{
    long local[4] = {1, 2, 3, 4};
    free(&local[1]); // BUG
    return 0;
}
