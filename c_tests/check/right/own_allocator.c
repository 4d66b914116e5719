// A program with a heap of its own inside one large block: it writes headers between its pieces, and
// keeps nothing but pointers into the middle of the large block.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct header {
    struct header *next;
    size_t size;
};

static char *position, *limit, *start;
static struct header *pieces;

static void *take(size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (position + sizeof(struct header) + size > limit)
        return NULL;
    struct header *header = (struct header *)position;
    position += sizeof *header + size;
    *header = (struct header){pieces, size};
    pieces = header;
    return header + 1;
}

int main(void)
{
    start = position = malloc(1 << 20);
    limit = position + (1 << 20);
    char *piece;
    for (size_t size = 1; (piece = take(size)); size = size * 7 % 501 + 1)
        memset(piece, 'x', size);
    size_t sum = 0;
    for (struct header *header = pieces; header; header = header->next)
        sum += header->size + sizeof *header;
    int right = sum == (size_t)(position - start);
    free(start);
    return !right;
}
