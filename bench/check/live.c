// Very many live blocks of 48 bytes, for `live`: how long they are searched for leaks.
//
//     live BLOCKS none|next|random
//
// Each block holds no pointers, or six to the blocks behind it, or six to any blocks. One array has
// pointers to all of them.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 6 };

static uint64_t state = 1;

// Marsaglia's xorshift64.
static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void **blocks;

int main(int count_of_words, char **words)
{
    if (count_of_words != 3)
        return fprintf(stderr, "usage: live BLOCKS none|next|random\n"), 2;
    size_t count = strtoul(words[1], NULL, 10);
    int is_random = strcmp(words[2], "random") == 0, is_next = strcmp(words[2], "next") == 0;
    blocks = malloc(count * sizeof *blocks);
    if (!blocks || count == 0)
        return 1;
    for (size_t index = 0; index < count; index++) {
        blocks[index] = calloc(WORDS, sizeof(void *));
        if (!blocks[index])
            return 1;
    }
    for (size_t index = 0; index < count; index++)
        for (size_t word = 0; word < WORDS && (is_random || is_next); word++) {
            size_t to = is_random ? next_random() : index + word;
            ((void **)blocks[index])[word] = blocks[to % count];
        }
    return 0;
}
