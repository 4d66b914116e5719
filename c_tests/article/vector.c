// Lesson: a vector. push_back doubles by realloc, so n pushes copy at most 2n numbers; pop_back
// shrinks the capacity to a quarter when less than a quarter is in use, so that a pop after a push
// never shrinks and grows again and again. Cairn's production mode: nothing to say. The same output
// as on glibc: vector.output.

#include <stdio.h>
#include <stdlib.h>

struct vector {
    int *numbers;
    size_t length;
    size_t capacity;
};

static void resize(struct vector *vector, size_t capacity)
{
    // The result goes into a second variable first: when realloc fails, the old block is still
    // ours.
    int *numbers = realloc(vector->numbers, capacity * sizeof *numbers);
    if (!numbers) {
        perror("realloc");
        exit(1);
    }
    vector->numbers = numbers;
    vector->capacity = capacity;
}

static void push_back(struct vector *vector, int number)
{
    if (vector->length == vector->capacity)
        resize(vector, vector->capacity ? vector->capacity * 2 : 1);
    vector->numbers[vector->length++] = number;
}

static int pop_back(struct vector *vector)
{
    int number = vector->numbers[--vector->length];
    if (vector->length > 0 && vector->length < vector->capacity / 4)
        resize(vector, vector->capacity / 4);
    return number;
}

int main(void)
{
    struct vector vector = {NULL, 0, 0};
    for (int i = 0; i < 1000000; i++) {
        push_back(&vector, i);
        if ((i & (i + 1)) == 0)
            printf("%zu numbers, room for %zu\n", vector.length, vector.capacity);
    }
    long long sum = 0;
    size_t capacity = vector.capacity;
    while (vector.length > 0) {
        sum += pop_back(&vector);
        if (vector.capacity != capacity)
            printf("%zu numbers, room for %zu\n", vector.length, capacity = vector.capacity);
    }
    printf("sum %lld\n", sum);
    free(vector.numbers);
    return 0;
}
