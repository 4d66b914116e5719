// Coroutines on stacks that malloc gave, which allocate while they run there.
// valgrind: noisy

#include <stdlib.h>
#include <ucontext.h>

enum { COUNT = 20, STACK_BYTES = 64 * 1024 };

static ucontext_t home, routines[COUNT];
static int steps;

static void routine(void)
{
    char *blocks[5];
    for (int i = 0; i < 5; i++) {
        blocks[i] = malloc(100 * i + 1);
        blocks[i][100 * i] = 'x';
        steps++;
        swapcontext(&routines[steps % COUNT], &home);
    }
    for (int i = 0; i < 5; i++)
        free(blocks[i]);
}

int main(void)
{
    for (int i = 0; i < COUNT; i++) {
        char *stack = malloc(STACK_BYTES);
        steps = i - 1;
        getcontext(&routines[i]);
        routines[i].uc_stack.ss_sp = stack;
        routines[i].uc_stack.ss_size = STACK_BYTES;
        routines[i].uc_link = &home;
        makecontext(&routines[i], routine, 0);
        for (int step = 0; step < 6; step++) {
            steps = i - 1;
            swapcontext(&home, &routines[i]);
        }
        free(stack);
    }
    return 0;
}
