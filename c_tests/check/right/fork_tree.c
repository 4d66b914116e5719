// Parents and children each free the blocks that were there before the fork, and their own.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int tree(int depth)
{
    char *before = malloc(100);
    memset(before, depth, 100);
    int children = 0, bad = 0;
    for (int i = 0; depth > 0 && i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            char *own = malloc(200);
            memset(own, 1, 200);
            int status = tree(depth - 1);
            status |= before[99] != depth;
            free(before);
            free(own);
            exit(status);
        }
        children++;
    }
    for (; children > 0; children--) {
        int status;
        wait(&status);
        bad |= status != 0;
    }
    free(before);
    return bad;
}

int main(void)
{
    return tree(3);
}
