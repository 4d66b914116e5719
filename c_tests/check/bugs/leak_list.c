// The head of a list is lost: it is definitely lost, and its nine others with it.
// leak: definite bytes=16 blocks=1 indirect=144 alloc=ALLOC
// leak: indirect bytes=144 blocks=9 alloc=ALLOC

#include <stdlib.h>

struct node {
    struct node *next;
    long value;
};

static void work(void)
{
    struct node *list = NULL;
    for (int i = 0; i < 10; i++) {
        struct node *node = malloc(sizeof *node); // ALLOC
        node->next = list;
        node->value = i;
        list = node;
        node = NULL;
    }
    list = NULL;
}

int main(void)
{
    work();
    return 0;
}
