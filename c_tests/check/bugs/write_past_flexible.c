// A struct with an array at its end is allocated without room for the array's last element.
// guarded: invalid-write size=8 block=48 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=48 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=8 block=48 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

struct list {
    long count;
    double elements[];
};

int main(void)
{
    struct list *list = malloc(sizeof *list + 5 * sizeof(double)); // ALLOC
    list->count = 6;
    for (int i = 0; i < list->count; i++)
        list->elements[i] = i; // BUG
    free(list); // FREE
    return 0;
}
