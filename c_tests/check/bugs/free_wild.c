// free gets a number.
// found: invalid-free at=BUG

#include <stdint.h>
#include <stdlib.h>

int main(void)
{
    free((void *)(uintptr_t)0x123456780); // BUG
    return 0;
}
