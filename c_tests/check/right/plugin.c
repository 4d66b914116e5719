// A plugin is loaded, used and unloaded again and again; what it allocated outlives it.
// plugin: yes

#ifdef PLUGIN

#include <stdlib.h>
#include <string.h>

static char *kept;

char *make(int size)
{
    free(kept);
    kept = malloc(size);
    char *text = malloc(size);
    memset(text, 'x', size);
    return text;
}

__attribute__((destructor)) static void leave(void)
{
    free(kept);
}

#else

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    (void)argc;
    char path[4096];
    char *texts[50];
    snprintf(path, sizeof path, "%s.so", argv[0]);
    for (int i = 0; i < 50; i++) {
        void *plugin = dlopen(path, RTLD_NOW);
        if (!plugin)
            return printf("%s\n", dlerror());
        char *(*make)(int) = (char *(*)(int))dlsym(plugin, "make");
        texts[i] = make(i + 1);
        free(make(10));
        dlclose(plugin);
    }
    for (int i = 0; i < 50; i++)
        free(texts[i]);
    return 0;
}

#endif
