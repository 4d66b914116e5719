// free gets a string literal.
// found: invalid-free foreign=data at=BUG

#include <stdlib.h>

int main(void)
{
    char *text = "hello world";
    free(text); // BUG
    return 0;
}
