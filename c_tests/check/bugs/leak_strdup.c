// A block that the C library allocated for the program.
// leak: definite bytes=12 blocks=1 alloc=ALLOC

#include <stdlib.h>
#include <string.h>

static void work(void)
{
    char *text = strdup("hello world"); // ALLOC
    text[0] = 'H';
    text = NULL;
}

int main(void)
{
    work();
    return 0;
}
