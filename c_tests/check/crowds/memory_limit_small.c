// 512 MiB of address space, used up by small blocks. The program goes on when it gets NULL.
// limit: 524288
// cairn: double-free block=64 at=BUG alloc=ALLOC free=FREE
// valgrind: noisy

#include <stdlib.h>

struct node {
    struct node *next;
    char rest[56];
};

int main(void)
{
    struct node *list = NULL, *node;
    size_t count = 0;
    while (count < 20000000 && (node = malloc(sizeof *node))) { // ALLOC
        node->next = list;
        list = node;
        count++;
    }
    if (count < 200000 || count == 20000000)
        return 3;
    node = list;
    list = list->next;
    free(node); // FREE
    free(node); // BUG
    while (list) {
        node = list;
        list = list->next;
        free(node);
    }
    return 0;
}
