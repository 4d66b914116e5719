// The only pointer that is kept for a while is the one just behind the block.

#include <stdlib.h>
#include <string.h>

static char *end;

static void fill(size_t size)
{
    char *block = malloc(size);
    memset(block, 'x', size);
    end = block + size;
}

int main(void)
{
    for (size_t size = 0; size < 5000; size += 7) {
        fill(size);
        free(end - size);
    }
    end = NULL;
    return 0;
}
