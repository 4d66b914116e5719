// A program in C loads a library in C++: from then on malloc gives multiples of 16.

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    void *library = dlopen("libstdc++.so.6", RTLD_NOW);
    if (!library)
        return 1;
    for (size_t size = 16; size < 200; size++) {
        void *block = malloc(size);
        if ((uintptr_t)block % 16 != 0)
            return printf("%zu bytes at %p\n", size, block), 1;
        free(block);
    }
    return dlclose(library);
}
