// Threads use aligned vector instructions on blocks that aren't at multiples of 16, while a timer
// interrupts them whose handler does the same, and the program forks.

#define _GNU_SOURCE
#include <emmintrin.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 500, FORKS = 10 };

static int *held;
static volatile sig_atomic_t ticks;

// Writes zeros to the first 16 bytes and reads them again.
static void use(int *block)
{
    __m128i zeros = _mm_setzero_si128();
    __asm__ volatile("movdqa %0, (%1); paddd (%1), %0" : "+x"(zeros) : "r"(block) : "memory");
}

static void tick(int number)
{
    (void)number;
    use(held);
    ticks++;
}

static void *work(void *argument)
{
    int *block = argument;
    for (int i = 0; i < ROUNDS; i++) {
        block[0] = block[5] = i;
        use(block);
        if (block[0] != 0 || block[5] != i)
            abort();
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    int *blocks[THREADS], wrong = 0;
    held = calloc(1, 56);
    for (int i = 0; i < THREADS; i++)
        blocks[i] = calloc(1, 40);
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 500}, {0, 500}}, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, blocks[i]);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            use(held);
            _exit(7);
        }
        int status;
        waitpid(child, &status, 0);
        wrong += !WIFEXITED(status) || WEXITSTATUS(status) != 7;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    while (ticks == 0)
        ;
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    signal(SIGALRM, SIG_IGN); // one may be on its way
    for (int i = 0; i < THREADS; i++)
        free(blocks[i]);
    free(held);
    printf("%d wrong\n", wrong);
    return wrong;
}
