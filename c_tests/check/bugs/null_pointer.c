// A NULL that nobody checked. It isn't about a block, but the line is worth a report.
// found: fatal-signal|invalid-write at=BUG

#include <stdlib.h>

struct node {
    struct node *next;
    int value;
};

int main(void)
{
    struct node *head = NULL;
    head->value = 1; // BUG
    return 0;
}
