// The last pointer to a block goes out of scope.
// leak: definite bytes=400 blocks=1 alloc=ALLOC

#include <stdlib.h>

static void work(void)
{
    int *data = malloc(100 * sizeof(int)); // ALLOC
    data[0] = 42;
}

int main(void)
{
    work();
    return 0;
}
