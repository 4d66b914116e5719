// A register of a thread that still runs, and nothing else, holds the block: rbx, which the system
// call leaves alone.
// leak: reachable bytes=256 blocks=1 alloc=ALLOC

#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>

static volatile int ready;

// Forgets what the calls before have left on the stack below.
static void scrub(void)
{
    volatile char below[4096];
    for (unsigned i = 0; i < sizeof below; i++)
        below[i] = 0;
}

static void *work(void *argument)
{
    register char *block __asm__("rbx") = malloc(256); // ALLOC
    __asm__ volatile("" : "+r"(block));
    scrub();
    for (;;) {
        ready = 1;
        long result = SYS_pause;
        __asm__ volatile("syscall" : "+a"(result), "+r"(block) : : "rcx", "r11", "memory");
    }
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    while (!ready)
        ;
    return 0;
}
