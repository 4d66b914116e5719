// A buffer that realloc made and moved.
// leak: definite bytes=5000 blocks=1 alloc=ALLOC

#include <stdlib.h>

static void work(void)
{
    char *buffer = NULL;
    for (int size = 1000; size <= 5000; size += 1000)
        buffer = realloc(buffer, size); // ALLOC
    buffer[0] = 'x';
    buffer = NULL;
}

int main(void)
{
    work();
    return 0;
}
