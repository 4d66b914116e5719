// The classic: a list is freed by a loop that reads the next pointer out of the node that it has
// just freed. Without guards it follows a pointer made of poison.
// guarded: invalid-read size=8 block=16 where=inside:0 at=BUG alloc=ALLOC free=FREE
// unguarded: poison-pointer|invalid-free|double-free at=BUG|FREE
// valgrind: invalid-read size=8 block=16 where=inside:0 at=BUG alloc=ALLOC free=FREE
// some

#include <stdlib.h>

struct node {
    struct node *next;
    long value;
};

int main(void)
{
    struct node *list = NULL;
    for (int i = 0; i < 3; i++) {
        struct node *node = malloc(sizeof *node); // ALLOC
        *node = (struct node){list, i};
        list = node;
    }
    for (struct node *node = list; node; node = node->next) // BUG
        free(node); // FREE
    return 0;
}
