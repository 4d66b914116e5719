// Requests that can't be served give NULL and errno, nothing else.
// valgrind: noisy

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    volatile size_t much = SIZE_MAX / 2;
    void *block = NULL;
    errno = 0;
    if (malloc(much) || errno != ENOMEM || calloc(much, 4) || reallocarray(NULL, much, 4))
        return 1;
    char *kept = malloc(10);
    kept[9] = 'x';
    if (realloc(kept, much) || kept[9] != 'x')
        return 2;
    if (posix_memalign(&block, 24, 100) != EINVAL || block)
        return 3;
    free(kept);
    free(NULL);
    return 0;
}
