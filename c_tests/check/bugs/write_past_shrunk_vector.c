// A vector of the program's own shrinks to what it holds when elements are taken out, but keeps the
// number that says how many have room: the next push writes behind it.
// guarded: invalid-write size=4 block=32 where=after:0 at=BUG alloc=SHRINK
// unguarded: overrun block=32 where=after:0 at=FREE alloc=SHRINK
// valgrind: invalid-write size=4 block=32 where=after:0 at=BUG alloc=SHRINK

#include <stdlib.h>

struct vector {
    int *elements;
    size_t count, room;
};

static void push(struct vector *vector, int element)
{
    if (vector->count == vector->room) {
        vector->room *= 2;
        vector->elements = realloc(vector->elements, vector->room * sizeof(int));
    }
    vector->elements[vector->count++] = element; // BUG
}

static void pop(struct vector *vector)
{
    if (--vector->count == vector->room / 2)
        vector->elements = realloc(vector->elements, vector->count * sizeof(int)); // SHRINK
}

int main(void)
{
    struct vector vector = {malloc(16 * sizeof(int)), 0, 16};
    for (int i = 0; i < 9; i++)
        push(&vector, i);
    pop(&vector);
    push(&vector, 9);
    free(vector.elements); // FREE
    return 0;
}
