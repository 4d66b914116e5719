// getcwd(2), readlink(2), getrandom(2) are told that a block is longer than it is.
// runs: getcwd readlink getrandom
// guarded: system-call block=20 where=after:0 at=BUG alloc=ALLOC
// unguarded: system-call block=20 where=after:0 at=BUG alloc=ALLOC
// some
// valgrind: system-call block=20 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const char *call = argc > 1 ? argv[1] : "getcwd";
    char *block = malloc(20); // ALLOC
    // clang-format off
    if (!strcmp(call, "getcwd")) getcwd(block, 400); else if (!strcmp(call, "readlink")) readlink("/proc/self/exe", block, 400); else getrandom(block, 400, 0); // BUG
    // clang-format on
    free(block);
    return 0;
}
