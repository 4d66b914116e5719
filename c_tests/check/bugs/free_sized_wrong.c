// C23's free_sized gets another size than malloc got. glibc 2.36 has no free_sized, so there the
// program doesn't call it.
// cairn: wrong-size block=100 at=BUG alloc=ALLOC
// valgrind: none

#include <stdlib.h>

extern void free_sized(void *block, size_t size) __attribute__((weak));

int main(void)
{
    char *block = malloc(100); // ALLOC
    if (free_sized)
        free_sized(block, 1000); // BUG
    else
        free(block);
    return 0;
}
