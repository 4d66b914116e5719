// Five hundred short threads: each leaves a block to the next one, frees the last one's, and has a
// thread-specific value whose destructor frees.

#include <pthread.h>
#include <stdlib.h>

static pthread_key_t key;
static char *left;

static void *work(void *argument)
{
    pthread_setspecific(key, malloc(100));
    free(left);
    left = malloc(50);
    left[49] = 'x';
    return argument;
}

int main(void)
{
    pthread_key_create(&key, free);
    for (int i = 0; i < 500; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, work, NULL);
        pthread_join(thread, NULL);
    }
    free(left);
    return 0;
}
