// A list that a global pointer leads to: all of it is reachable.
// leak: reachable bytes=160 blocks=10 alloc=ALLOC

#include <stdlib.h>

struct node {
    struct node *next;
    long value;
};

struct node *list;

int main(void)
{
    for (int i = 0; i < 10; i++) {
        struct node *node = malloc(sizeof *node); // ALLOC
        *node = (struct node){list, i};
        list = node;
    }
    return 0;
}
