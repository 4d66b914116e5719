// One thread makes an array with new[], another one deletes it as a single object.
// found: mismatched-free block=40 at=BUG alloc=ALLOC

#include <pthread.h>

static void *make(void *)
{
    return new int[10]; // ALLOC
}

int main()
{
    pthread_t thread;
    void *array;
    pthread_create(&thread, nullptr, make, nullptr);
    pthread_join(thread, &array);
    delete static_cast<int *>(array); // BUG
    return 0;
}
