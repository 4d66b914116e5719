// Two lines that leak are two loss records.
// leak: definite bytes=300 blocks=3 alloc=FIRST
// leak: definite bytes=200 blocks=1 alloc=SECOND

#include <stdlib.h>

static void first(void)
{
    for (int i = 0; i < 3; i++)
        *(char *)malloc(100) = 'x'; // FIRST
}

static void second(void)
{
    *(char *)calloc(4, 50) = 'x'; // SECOND
}

int main(void)
{
    first();
    second();
    return 0;
}
