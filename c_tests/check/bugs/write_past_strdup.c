// strdup's block has room for the text and nothing more.
// cairn: overrun|invalid-write block=12 where=after:0 at=FREE|BUG alloc=ALLOC
// valgrind: invalid-write size=1 block=12 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *text = strdup("hello world"); // ALLOC
    text[11] = '!';
    text[12] = '\0'; // BUG
    free(text); // FREE
    return 0;
}
