// A second pointer to the elements is kept while a vector of the program's own grows.
// guarded: invalid-read size=4 block=64 where=inside:12 at=BUG alloc=ALLOC free=GROW
// unguarded: none
// valgrind: invalid-read size=4 block=64 where=inside:12 at=BUG alloc=ALLOC free=GROW

#include <stdlib.h>

struct vector {
    int *elements;
    size_t count, room;
};

static void push(struct vector *vector, int element)
{
    if (vector->count == vector->room) {
        vector->room *= 2048;
        vector->elements = realloc(vector->elements, vector->room * sizeof(int)); // GROW
    }
    vector->elements[vector->count++] = element;
}

int main(void)
{
    struct vector vector = {.room = 16};
    vector.elements = malloc(16 * sizeof(int)); // ALLOC
    for (int i = 0; i < 16; i++)
        push(&vector, i);
    int *third = &vector.elements[3];
    push(&vector, 16);
    volatile int value = *third; // BUG
    (void)value;
    free(vector.elements);
    return 0;
}
