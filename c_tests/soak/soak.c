// Self-checking work for a given time: threads that come and go allocate, resize and free blocks of
// all sizes, hand them to each other, and fork. Each block carries a pattern that names it, checked
// at every hand-over and before it is freed: a block that two own, or that was moved wrongly,
// shows.
//
//     soak SECONDS [SEED]

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LANES = 6, SHARED = 4096, OWN = 512, CALLS_OF_A_THREAD = 20000 };

// In front of each block's bytes: what has to follow.
struct head {
    uint64_t name;
    size_t size_bytes;
};

static _Atomic(struct head *) shared[SHARED];
static atomic_ullong calls, passed_on, forks, threads, names;
static atomic_bool is_over;

struct random {
    uint64_t state;
};

static uint64_t next(struct random *random)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return random->state;
}

static unsigned char byte_at(uint64_t name, size_t index)
{
    return (unsigned char)(name * 0x9e37 + index * 31 + (index >> 8));
}

// Of long blocks every 61st byte, and the last one.
static void fill(struct head *block, size_t size_bytes)
{
    unsigned char *bytes = (unsigned char *)(block + 1);
    size_t step = size_bytes > 4096 ? 61 : 1;
    block->name = atomic_fetch_add(&names, 1) + 1;
    block->size_bytes = size_bytes;
    for (size_t i = 0; i < size_bytes; i += step)
        bytes[i] = byte_at(block->name, i);
    if (size_bytes)
        bytes[size_bytes - 1] = byte_at(block->name, size_bytes - 1);
}

static void complain(const struct head *block, size_t index)
{
    fprintf(stderr, "soak: block %p of %zu bytes, number %llu: byte %zu is wrong\n",
            (const void *)block, block->size_bytes, (unsigned long long)block->name, index);
    abort();
}

static void check(const struct head *block, size_t size_bytes)
{
    const unsigned char *bytes = (const unsigned char *)(block + 1);
    size_t step = block->size_bytes > 4096 ? 61 : 1;
    for (size_t i = 0; i < size_bytes; i += step)
        if (bytes[i] != byte_at(block->name, i))
            complain(block, i);
    if (size_bytes == block->size_bytes && size_bytes &&
        bytes[size_bytes - 1] != byte_at(block->name, size_bytes - 1))
        complain(block, size_bytes - 1);
}

static size_t size_for(struct random *random)
{
    uint64_t choice = next(random);
    switch (choice % 64) {
    case 0:
        return choice >> 8 & 0xfffff; // up to 1 MiB
    case 1 ... 8:
        return choice >> 8 & 0x7fff;
    default:
        return choice >> 8 & 0x1ff;
    }
}

static struct head *allocate(struct random *random)
{
    size_t size_bytes = size_for(random), whole = sizeof(struct head) + size_bytes;
    struct head *block;
    switch (next(random) % 8) {
    case 0:
        block = aligned_alloc((size_t)16 << (next(random) % 9), whole);
        break;
    case 1:
        block = calloc(1, whole);
        for (size_t i = 0; block && i < size_bytes; i += 61)
            if (((unsigned char *)(block + 1))[i])
                complain(block, i);
        break;
    default:
        block = malloc(whole);
    }
    if (block)
        fill(block, size_bytes);
    return block;
}

static struct head *resize(struct random *random, struct head *block)
{
    size_t old_bytes = block->size_bytes, size_bytes = size_for(random);
    check(block, old_bytes);
    struct head *moved = realloc(block, sizeof(struct head) + size_bytes);
    if (!moved)
        return block;
    check(moved, old_bytes < size_bytes ? old_bytes : size_bytes);
    fill(moved, size_bytes);
    return moved;
}

static void release(struct head *block)
{
    if (!block)
        return;
    check(block, block->size_bytes);
    free(block);
}

static void fork_once(struct random *random)
{
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 200; i++)
            release(allocate(random));
        _exit(0);
    }
    int status = 0;
    if (child < 0)
        return; // no more processes: no fault of the heap's
    if (waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "soak: a child ended with %#x\n", status);
        abort();
    }
    forks++;
}

static void *work(void *seed)
{
    struct random random = {(uint64_t)(uintptr_t)seed * 0x9e3779b97f4a7c15 | 1};
    struct head *own[OWN] = {NULL};
    for (int i = 0; i < CALLS_OF_A_THREAD && !is_over; i++) {
        uint64_t choice = next(&random);
        struct head **slot = &own[choice % OWN];
        if (choice >> 20 & 7) {
            release(*slot);
            *slot = allocate(&random);
        } else if (choice >> 24 & 1 && *slot) {
            *slot = resize(&random, *slot);
        } else {
            *slot = atomic_exchange(&shared[choice >> 32 & (SHARED - 1)], *slot);
            passed_on++;
        }
        calls++;
        if ((choice & 0x3fff00000) == 0)
            fork_once(&random);
    }
    // What the thread leaves behind is freed by others, or by itself.
    for (size_t i = 0; i < OWN; i++)
        release(i % 2 ? atomic_exchange(&shared[i], own[i]) : own[i]);
    threads++;
    return NULL;
}

static void *lane(void *number)
{
    uintptr_t seed = (uintptr_t)number;
    while (!is_over) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, (void *)(seed += 1000)) != 0)
            continue;
        pthread_join(thread, NULL);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    uintptr_t seed = argc > 2 ? (uintptr_t)atoll(argv[2]) : (uintptr_t)time(NULL);
    pthread_t lanes[LANES];
    printf("soak: %u seconds, seed %lu\n", seconds, (unsigned long)seed);
    fflush(stdout);
    for (uintptr_t i = 0; i < LANES; i++)
        if (pthread_create(&lanes[i], NULL, lane, (void *)(seed * LANES + i)) != 0)
            return 2;
    while (seconds > 0)
        seconds = sleep(seconds);
    is_over = true;
    for (int i = 0; i < LANES; i++)
        pthread_join(lanes[i], NULL);
    for (size_t i = 0; i < SHARED; i++)
        release(shared[i]);
    printf("soak: %llu calls, %llu blocks passed on, %llu threads, %llu forks: no fault\n",
           (unsigned long long)calls, (unsigned long long)passed_on, (unsigned long long)threads,
           (unsigned long long)forks);
    return 0;
}
