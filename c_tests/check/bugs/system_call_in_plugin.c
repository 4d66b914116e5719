// A plugin that is loaded late gives the kernel a freed block.
// plugin: yes
// guarded: system-call block=4096 where=inside:0 at=BUG alloc=ALLOC free=FREE
// unguarded: system-call block=4096 where=inside:0 at=BUG alloc=ALLOC free=FREE
// unguarded: write-after-free block=4096 where=inside:0 alloc=ALLOC free=FREE
// valgrind: system-call block=4096 where=inside:0 at=BUG alloc=ALLOC free=FREE

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef PLUGIN

int work(int file)
{
    char *block = malloc(4096); // ALLOC
    free(block); // FREE
    return read(file, block, 5) == 12345; // BUG
}

#else

#include <dlfcn.h>

int main(int argc, char **argv)
{
    char path[4096];
    int pipes[2];
    snprintf(path, sizeof path, "%s.so", argv[0]);
    void *plugin = dlopen(path, RTLD_NOW);
    int (*work)(int) = plugin ? dlsym(plugin, "work") : NULL;
    if (!work || pipe(pipes) != 0 || write(pipes[1], "hello", 5) != 5)
        return 2;
    return work(pipes[0]);
}

#endif
