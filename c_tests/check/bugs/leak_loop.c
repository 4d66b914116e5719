// Ten blocks from one line are one loss record.
// leak: definite bytes=1000 blocks=10 records=1 alloc=ALLOC

#include <stdlib.h>

static void work(void)
{
    for (int i = 0; i < 10; i++) {
        char *block = malloc(100); // ALLOC
        block[0] = (char)i;
        block = NULL;
    }
}

int main(void)
{
    work();
    return 0;
}
