// A forked child writes behind a block that its parent allocated.
// guarded: invalid-write size=4 block=400 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=400 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=4 block=400 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int *data;

int main(void)
{
    data = malloc(100 * sizeof(int)); // ALLOC
    pid_t child = fork();
    if (child == 0) {
        data[100] = 42; // BUG
        free(data); // FREE
        exit(0);
    }
    waitpid(child, NULL, 0);
    free(data);
    return 0;
}
