// Functions of atexit, on_exit and destructors free what the program allocated, and allocate more.

#include <stdlib.h>
#include <string.h>

static char *blocks[10];

__attribute__((constructor)) static void begin(void)
{
    blocks[0] = malloc(100);
}

__attribute__((destructor)) static void end(void)
{
    memset(blocks[0], 'x', 100);
    free(blocks[0]);
    free(malloc(1000));
}

static void at_exit(void)
{
    free(blocks[1]);
    blocks[3] = malloc(10);
}

static void later(int status, void *argument)
{
    (void)status;
    free(argument);
    free(blocks[3]);
}

int main(void)
{
    blocks[1] = malloc(200);
    blocks[2] = malloc(300);
    on_exit(later, blocks[2]);
    atexit(at_exit);
    return 0;
}
