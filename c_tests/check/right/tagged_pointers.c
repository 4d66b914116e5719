// Pointers with a mark in their lowest bits, as interpreters keep them.

#include <stdint.h>
#include <stdlib.h>

enum { COUNT = 1000 };

static uintptr_t values[COUNT];

int main(void)
{
    for (int i = 0; i < COUNT; i++) {
        long *number = malloc(sizeof *number);
        *number = i;
        values[i] = (uintptr_t)number | (i % 8);
    }
    long sum = 0;
    for (int i = 0; i < COUNT; i++)
        sum += *(long *)(values[i] & ~(uintptr_t)7);
    for (int i = 0; i < COUNT; i++)
        free((void *)(values[i] & ~(uintptr_t)7));
    return sum != 499500;
}
