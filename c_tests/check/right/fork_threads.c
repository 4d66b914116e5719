// A process whose threads allocate all the time forks again and again; the children allocate too.
// What the vanished threads held is lost in the children.
// leaks: any
// valgrind: noisy

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int done;
static char *held[3]; // a child has no threads that could hold them

static void *work(void *argument)
{
    char **mine = argument;
    while (!done) {
        *mine = malloc(100);
        (*mine)[99] = 'x';
        free(*mine);
    }
    *mine = NULL;
    return NULL;
}

int main(void)
{
    pthread_t threads[3];
    int bad = 0;
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, work, &held[i]);
    for (int i = 0; i < 30; i++) {
        pid_t child = fork();
        if (child == 0) {
            for (int j = 0; j < 100; j++) {
                char *block = malloc(j * 10 + 1);
                block[j * 10] = 'x';
                free(block);
            }
            _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        bad |= status != 0;
    }
    done = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return bad;
}
