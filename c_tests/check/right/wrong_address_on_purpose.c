// A program that asks the kernel whether an address can be read, by EFAULT, as crash handlers do:
// it is no heap block's.
// valgrind: noisy

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int can_be_read(const void *address)
{
    int pipes[2];
    if (pipe(pipes) != 0)
        return -1;
    ssize_t written = write(pipes[1], address, 1);
    int bad = written < 0 && errno == EFAULT;
    close(pipes[0]);
    close(pipes[1]);
    return !bad;
}

int main(void)
{
    char *block = malloc(100);
    block[99] = 'x';
    int right = can_be_read(block + 99) == 1 && can_be_read(NULL) == 0 &&
                can_be_read((void *)0x1000) == 0 && can_be_read(main) == 1;
    free(block);
    return !right;
}
