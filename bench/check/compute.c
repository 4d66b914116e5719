// A computing program: products of matrices on the heap, a few blocks for each.

#include <stdlib.h>

enum { SIDE = 200, ROUNDS = 40 };

static double *matrix(double start)
{
    double *numbers = malloc(SIDE * SIDE * sizeof *numbers);
    for (int i = 0; numbers && i < SIDE * SIDE; i++)
        numbers[i] = start + i % 7;
    return numbers;
}

static double *product(const double *left, const double *right)
{
    double *result = calloc(SIDE * SIDE, sizeof *result);
    for (int i = 0; result && i < SIDE; i++)
        for (int k = 0; k < SIDE; k++)
            for (int j = 0; j < SIDE; j++)
                result[i * SIDE + j] += left[i * SIDE + k] * right[k * SIDE + j];
    return result;
}

int main(void)
{
    double sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double *left = matrix(round), *right = matrix(1), *both = product(left, right);
        if (!both)
            return 1;
        sum += both[round];
        free(left);
        free(right);
        free(both);
    }
    return sum == 1;
}
