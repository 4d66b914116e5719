// What the compiler makes of loops and copies with -O3 -mavx2, on blocks of odd multiples of 8.

#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 200 };

__attribute__((noinline, optimize("O3"), target("avx2"))) static double sum_of(int count)
{
    double *numbers = malloc(count * sizeof *numbers), sum = 0;
    for (int i = 0; i < count; i++)
        numbers[i] = i * 0.5;
    for (int i = 0; i + 2 <= count; i += 2) {
        __m128d pair = _mm_load_pd(numbers + i);
        _mm_stream_pd(numbers + i, _mm_add_pd(pair, pair));
    }
    for (int i = 0; i < count; i++)
        sum += numbers[i];
    free(numbers);
    return sum;
}

int main(void)
{
    if (!__builtin_cpu_supports("avx2"))
        return puts("no avx2") < 0;
    for (int round = 0; round < ROUNDS; round++)
        for (int count = 3; count < 14; count += 2)
            if (round == 0 || round == ROUNDS - 1)
                printf("%g\n", sum_of(count));
            else
                sum_of(count);
    return 0;
}
