// What the attacks have in common. An attack either ends in a named report (FAULT, as in
// ../reports), or it has no effect on the allocator (ATTACK): afterwards no block that is handed
// out overlaps another one or lies where the attacker wanted it, and all invariants hold.

#ifndef ATTACKS_H
#define ATTACKS_H

#include "../reports/reports.h"

TABLE(double_free_attacks);
TABLE(racing_free_attacks);
TABLE(forged_block_attacks);
TABLE(forged_header_attacks);
TABLE(overflow_attacks);
TABLE(after_free_attacks);
TABLE(metadata_attacks);

#define ATTACK(name)                                 \
    static void name(void);                          \
    static void check_##name(void)                   \
    {                                                \
        only_on_cairn("on glibc many of them work"); \
        name();                                      \
    }                                                \
    static void name(void)

// Whether CAIRN_OPTIONS has harden=1.
bool is_hardened(void);

// An attack that has no effect in the default mode and ends in a report when hardened: the line
// then, as for `expect`.
#define CAUGHT_HARDENED(name)                        \
    static void name(void);                          \
    static void check_##name(void)                   \
    {                                                \
        only_on_cairn("on glibc many of them work"); \
        if (is_hardened())                           \
            require_report(name);                    \
        else                                         \
            name();                                  \
    }                                                \
    static void name(void)

#define EXPECT_HARDENED(...)     \
    do {                         \
        if (is_hardened())       \
            expect(__VA_ARGS__); \
    } while (0)

// The header that glibc keeps in front of a block, as attacks forge it: the size with flags for
// "previous chunk in use" and others, and the links of a free chunk.
struct chunk {
    size_t previous_size, size;
    void *forward, *backward, *next_larger, *next_smaller;
};

// Where the attacker wants a block to lie. The attack has failed as long as none overlaps it.
struct target {
    struct chunk chunks[16];
};
extern struct target target;

// Fills the target with forged chunks of `size`, flags included, linked to themselves.
void forge(struct target *place, size_t size);

// Blocks of the attack's own that must neither be given out again nor change.
void keep(void *block, size_t size_bytes);

// Allocates some thousands of blocks of every kind and of `size_bytes`, fills them, and requires
// that none overlaps another, a kept one, the target or the stack, and that cairn_validate passes.
void require_sound_heap(size_t size_bytes);

// Whether Cairn says that a live block starts there.
bool is_live(const void *address);

// Calls cairn_validate, which ends the process when an invariant is broken.
void validate(void);

#endif
