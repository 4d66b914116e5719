// Three blocks that point to one another, and nobody to them: one of them is the lost one, the
// others are lost with it.
// leak: definite bytes=32 blocks=1 indirect=64 alloc=ALLOC
// leak: indirect bytes=64 blocks=2 alloc=ALLOC

#include <stdlib.h>

struct node {
    struct node *next;
    char rest[24];
};

static void work(void)
{
    struct node *nodes[3];
    for (int i = 0; i < 3; i++)
        nodes[i] = calloc(1, sizeof *nodes[i]); // ALLOC
    for (int i = 0; i < 3; i++)
        nodes[i]->next = nodes[(i + 1) % 3];
    for (int i = 0; i < 3; i++)
        nodes[i] = NULL;
}

int main(void)
{
    work();
    return 0;
}
