// Aligned vector instructions on blocks that the C library puts at multiples of 16, also in threads,
// with all signals but SIGSEGV blocked, and with handlers of the program's own for SIGTRAP and SIGSEGV.
// precise: bytes

#define _GNU_SOURCE
#include <emmintrin.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 50, THREADS = 4 };

static const int SIZES[] = {24, 40, 56, 72, 100};
static volatile sig_atomic_t traps;

// Every kind of instruction with an aligned operand: stores, loads, and arithmetic; the operand's
// address made of a base alone, of a base and an index, of r12 and r13.
static int sum_of(char *block, int size)
{
    int parts[4], sum = 0, steps = size / 16;
    __m128i ones = _mm_set1_epi32(1), total = _mm_setzero_si128();
    for (long i = 0; i < steps; i++)
        __asm__ volatile("movdqa %0, (%1, %2, 8)" : : "x"(ones), "r"(block), "r"(i * 2) : "memory");
    for (long i = 0; i < steps; i++)
        __asm__ volatile("paddd (%1, %2), %0" : "+x"(total) : "r"(block), "r"(i * 16) : "memory");
    register char *twelve __asm__("r12") = block;
    register char *thirteen __asm__("r13") = block;
    __asm__ volatile("paddd (%1), %0" : "+x"(total) : "r"(twelve) : "memory");
    __asm__ volatile("paddd 16(%1), %0" : "+x"(total) : "r"(thirteen - 16) : "memory");
    _mm_storeu_si128((__m128i *)parts, total);
    for (int i = 0; i < 4; i++)
        sum += parts[i];
    return sum - 8;
}

static float scaled(float *numbers, int count)
{
    float sum = 0;
    for (int i = 0; i + 4 <= count; i += 4)
        _mm_store_ps(numbers + i, _mm_mul_ps(_mm_load_ps(numbers + i), _mm_set1_ps(2)));
    for (int i = 0; i < count; i++)
        sum += numbers[i];
    return sum;
}

static long exchanged(void)
{
    unsigned long *words = calloc(3, sizeof *words), low = 0, high = 0;
    char is_equal;
    for (int i = 0; i < 3; i++)
        __asm__ volatile("lock cmpxchg16b (%5); sete %0"
                         : "=q"(is_equal), "+a"(low), "+d"(high)
                         : "b"(low + 7), "c"(high + 9), "S"(words)
                         : "memory", "cc");
    long sum = words[0] * 100 + words[1] * 10 + words[2] + is_equal;
    free(words);
    return sum;
}

static void *work(void *unused)
{
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    long sum = 0;
    for (int round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
            char *block = malloc(SIZES[i]);
            memset(block, 0, SIZES[i]);
            sum += sum_of(block, SIZES[i]);
            free(block);
            int count = SIZES[i] / 4;
            float *numbers = malloc(SIZES[i]);
            for (int k = 0; k < count; k++)
                numbers[k] = k;
            sum += (long)scaled(numbers, count);
            free(numbers);
        }
    (void)unused;
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    return (void *)(sigismember(&after, SIGUSR1) == 1 ? sum : -1);
}

static void on_trap(int number)
{
    (void)number;
    traps++;
}

static void on_fault(int number)
{
    (void)number;
    _exit(9);
}

int main(void)
{
    signal(SIGTRAP, on_trap);
    signal(SIGSEGV, on_fault);
    pthread_t threads[THREADS];
    printf("exchanged %ld\n", exchanged());
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < THREADS; i++) {
        void *sum;
        pthread_join(threads[i], &sum);
        printf("sum %ld\n", (long)sum);
        raise(SIGTRAP);
        __asm__ volatile("int3");
    }
    printf("%d traps\n", traps);
    void (*trap)(int) = signal(SIGTRAP, SIG_DFL);
    return trap != on_trap;
}
