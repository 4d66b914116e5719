// Lesson: malloc gives memory with whatever was in it; calloc gives zeros.
// Cairn's production mode: nothing, see garbage_values.silent. Only what calloc gives is printed:
// it is the same everywhere.

#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 1000 };

static int *used_and_freed(void)
{
    int *numbers = malloc(COUNT * sizeof *numbers);
    for (int i = 0; numbers && i < COUNT; i++)
        numbers[i] = 42;
    free(numbers);
    return malloc(COUNT * sizeof *numbers);
}

int main(void)
{
    int *garbage = used_and_freed();
    if (!garbage)
        return 1;
    volatile int first = garbage[0]; // BUG: nobody has written it
    (void)first;
    free(garbage);

    int *zeros = calloc(COUNT, sizeof *zeros);
    if (!zeros)
        return 1;
    int sum = 0;
    for (int i = 0; i < COUNT; i++)
        sum |= zeros[i];
    printf("calloc: all %s\n", sum == 0 ? "zero" : "but zero");
    free(zeros);
    return 0;
}
