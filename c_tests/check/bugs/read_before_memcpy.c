// A copy begins eight bytes before its block.
// needs: watchpoints
// guarded: invalid-read block=100 where=before:8|before:4 alloc=ALLOC
// some
// unguarded: none
// valgrind: invalid-read block=100 where=before:8 alloc=ALLOC

#include <stdlib.h>
#include <string.h>

int main(void)
{
    char copy[64];
    char *text = malloc(100); // ALLOC
    memset(text, 'a', 100);
    void *(*volatile copy_bytes)(void *, const void *, size_t) = memcpy;
    copy_bytes(copy, text - 8, sizeof copy);
    free(text);
    return copy[63] != 'a';
}
