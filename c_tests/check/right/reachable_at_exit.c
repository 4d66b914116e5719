// What global variables lead to at the end isn't lost: a list, an array of pointers, a graph with
// cycles, and a block that only a static variable inside a function holds.

#include <stdlib.h>

struct node {
    struct node *next, *back;
    char *text;
};

static struct node *graph;
static char **texts;

static char *cached(void)
{
    static char *text;
    if (!text)
        text = malloc(100);
    return text;
}

int main(void)
{
    struct node *last = NULL;
    for (int i = 0; i < 100; i++) {
        struct node *node = calloc(1, sizeof *node);
        node->text = malloc(20);
        node->next = graph;
        if (graph)
            graph->back = node;
        else
            last = node;
        graph = node;
    }
    last->next = graph;
    texts = calloc(50, sizeof *texts);
    for (int i = 0; i < 50; i++)
        texts[i] = malloc(i + 1);
    cached()[99] = 'x';
    return 0;
}
