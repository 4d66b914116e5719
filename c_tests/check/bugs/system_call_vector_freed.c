// The vector itself that pwritev(2) or preadv(2) is given is a freed block.
// runs: write read
// found: system-call block=32 where=inside:0 at=BUG alloc=ALLOC free=FREE

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

int main(int argc, char **argv)
{
    char text[16] = "some text";
    FILE *file = tmpfile();
    struct iovec *parts = malloc(2 * sizeof *parts); // ALLOC
    parts[0] = parts[1] = (struct iovec){text, 8};
    free(parts); // FREE
    int is_read = argc > 1 && strcmp(argv[1], "read") == 0;
    is_read ? preadv(fileno(file), parts, 2, 0) : pwritev(fileno(file), parts, 2, 0); // BUG
    fclose(file);
    return 0;
}
