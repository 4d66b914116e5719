// The root of a tree is lost, and with it fourteen nodes and their labels.
// leak: definite bytes=24 blocks=1 indirect=656 alloc=NODE
// leak: indirect bytes=336 blocks=14 alloc=NODE
// leak: indirect bytes=320 blocks=8 alloc=LABEL

#include <stdlib.h>

struct node {
    struct node *left, *right;
    char *label;
};

static struct node *grow(int depth)
{
    struct node *node = calloc(1, sizeof *node); // NODE
    if (depth == 0) {
        node->label = malloc(40); // LABEL
        return node;
    }
    node->left = grow(depth - 1);
    node->right = grow(depth - 1);
    return node;
}

int main(void)
{
    *(volatile long *)&grow(3)->label;
    return 0;
}
