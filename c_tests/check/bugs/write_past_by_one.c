// One byte behind a block whose size is no multiple of anything: the terminator that was forgotten.
// cairn: overrun|invalid-write block=77 where=after:0 at=FREE|BUG alloc=ALLOC
// valgrind: invalid-write size=1 block=77 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *text = malloc(77); // ALLOC
    memset(text, 'x', 77);
    text[77] = '\0'; // BUG
    free(text); // FREE
    return 0;
}
