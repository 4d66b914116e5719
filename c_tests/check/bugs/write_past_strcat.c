// There is room for both texts, but not for the null behind them.
// guarded: invalid-write block=16 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=16 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=1 block=16 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *(*volatile append)(char *, const char *) = strcat;
    char *text = malloc(16); // ALLOC
    strcpy(text, "eight by");
    append(text, "tes more"); // BUG
    free(text); // FREE
    return 0;
}
