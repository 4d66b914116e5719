// A C program that is linked with Cairn instead of preloading it: with -lcairn, with libcairn.a,
// and wholly static; so it can call the library's own functions as well.

#include <cairn.h>

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *work(void *sum)
{
    for (size_t size_bytes = 1; size_bytes < 5000000; size_bytes = size_bytes * 2 + 1) {
        char *block = calloc(1, size_bytes);
        if (!block || (uintptr_t)block % 16 != 0 || block[size_bytes - 1] != 0)
            exit(1);
        block = realloc(block, size_bytes * 2);
        if (!block)
            exit(2);
        memset(block, 1, size_bytes * 2);
        *(size_t *)sum += size_bytes;
        free(block);
    }
    return NULL;
}

static void use_own_calls(void)
{
    struct cairn_stats before, during, after;
    cairn_stats_read(&before);
    char *block = malloc(1000000);
    cairn_stats_read(&during);
    bool live = cairn_is_live(block), live_inside = cairn_is_live(block + 64);
    uintptr_t address = (uintptr_t)block;
    free(block);
    cairn_stats_read(&after);
    if (!live || live_inside || cairn_is_live((void *)address) || cairn_is_live(&before))
        exit(4);
    if (during.live_blocks != before.live_blocks + 1 || after.live_blocks != before.live_blocks)
        exit(5);
    size_t grown = during.live_bytes - before.live_bytes;
    if (grown < 1000000 || grown > 1100000 || after.live_bytes != before.live_bytes)
        exit(6);
    if (cairn_version()[0] < '0' || cairn_version()[0] > '9')
        exit(7);
    cairn_trim();
}

int main(void)
{
    pthread_t thread;
    size_t sum = 0, sum_of_thread = 0;
    work(&sum);
    if (pthread_create(&thread, NULL, work, &sum_of_thread) != 0 || pthread_join(thread, NULL) != 0)
        return 3;
    use_own_calls();
    char *copy = strdup("linked and working");
    printf("%s: %s\n", copy, sum == sum_of_thread ? "the sums are equal" : "the sums differ");
    free(copy);

    // Only Cairn ends here with its report; `run` looks for that, to know whose heap it was.
    char *block = malloc(400);
    void *volatile inside = block + 16;
    fflush(stdout);
    free(inside);
    return 0;
}
