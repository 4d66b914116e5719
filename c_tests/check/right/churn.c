// Blocks of all sizes come and go in an order that a generator chose; each has a pattern that is
// looked at before it goes.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2000, ROUNDS = 100000 };

static unsigned char *blocks[SLOTS];
static size_t sizes[SLOTS];

static int drop(int slot)
{
    for (size_t i = 0; i < sizes[slot]; i += 17)
        if (blocks[slot][i] != (slot & 255))
            return printf("slot %d, byte %zu of %zu\n", slot, i, sizes[slot]);
    free(blocks[slot]);
    return 0;
}

int main(void)
{
    unsigned seed = 1;
    int bad = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int slot = rand_r(&seed) % SLOTS;
        bad |= drop(slot);
        sizes[slot] = (size_t)rand_r(&seed) % (round % 100 == 0 ? 100000 : 500);
        blocks[slot] = malloc(sizes[slot]);
        memset(blocks[slot], slot & 255, sizes[slot]);
    }
    for (int slot = 0; slot < SLOTS; slot++)
        bad |= drop(slot);
    return bad != 0;
}
