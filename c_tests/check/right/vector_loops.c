// Loops that handle elements one by one up to a multiple of 16, then pairs by aligned instructions, as
// compilers make them: the doubles lie in blocks of odd multiples of 4, behind which ints are.

#include <emmintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static double sum_of(const double *numbers, int count)
{
    // The number of elements up to a multiple of 16, for doubles that lie at multiples of 8.
    int single = (int)(-(intptr_t)((uintptr_t)numbers / sizeof(double)) & 1), i = 0;
    double sum = 0, halves[2];
    for (; i < single; i++)
        sum += numbers[i];
    __m128d pairs = _mm_setzero_pd();
    for (; i + 2 <= count; i += 2)
        __asm__ volatile("addpd (%1), %0" : "+x"(pairs) : "r"(numbers + i) : "memory");
    for (; i < count; i++)
        sum += numbers[i];
    _mm_storeu_pd(halves, pairs);
    return sum + halves[0] + halves[1];
}

int main(void)
{
    for (int count = 5; count < 25; count++) {
        double *numbers = malloc(count * sizeof(double) + 3 * sizeof(int));
        for (int i = 0; i < count; i++)
            numbers[i] = i * 0.5;
        printf("%g\n", sum_of(numbers, count));
        free(numbers);
    }
    return 0;
}
