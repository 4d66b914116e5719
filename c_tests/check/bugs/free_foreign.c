// free gets memory that mmap gave.
// found: invalid-free at=BUG

#include <stdlib.h>
#include <sys/mman.h>

int main(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    free((char *)page + 64); // BUG
    return 0;
}
