// The program protects pages of its own and handles the faults, on a stack that malloc gave: as
// runtimes with a garbage collector do. Heap blocks aren't touched by it.
// valgrind: noisy

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

static char *pages;
static volatile int faults;

static void handler(int number, siginfo_t *information, void *context)
{
    (void)number, (void)context;
    char *address = information->si_addr;
    if (address < pages || address >= pages + 10 * 4096)
        abort();
    faults++;
    mprotect((void *)((size_t)address & ~(size_t)4095), 4096, PROT_READ | PROT_WRITE);
}

int main(void)
{
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &action, NULL);
    pages = mmap(NULL, 10 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 10; i++) {
        pages[i * 4096] = 'x';
        free(malloc(100));
    }
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, NULL);
    free(stack.ss_sp);
    return faults != 10;
}
