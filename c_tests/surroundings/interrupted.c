// A handler of a signal that interrupts malloc, free, calloc or realloc between any two of its
// instructions, and allocates and frees itself: blocks never overlap, nothing is
// reported, and nothing hangs.
//
// The processor's trap flag makes each instruction raise SIGTRAP, whose handler waits for the one
// that it is to interrupt. Each interruption has a process of its own, which then uses everything
// again. Long calls are sampled; C_TESTS_ALL=1 takes each instruction of them, and more states of
// the heap.

#include "../checks.h"

#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { MANY = 120, OWN = 256, BLOCKS = 6000, TRAP_FLAG = 0x100, STATUS_NOT_REACHED = 99 };
enum { INSTRUCTIONS_OF_A_HIT = 60, SAMPLED_STRIDE = 97 };

struct block {
    unsigned char *bytes;
    size_t size_bytes;
    unsigned seed;
};

static uintptr_t code_start, code_end;
static long target, seen;
static size_t size_bytes;
static void (*script)(void);
static void *own[OWN], *kept[OWN];
static int own_count, kept_count;
static struct block blocks[BLOCKS];
static size_t block_count;

static int find_code(struct dl_phdr_info *info, size_t length, void *unused)
{
    (void)length, (void)unused;
    if (!strstr(info->dlpi_name, "libcairn.so"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X)) {
            code_start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            code_end = code_start + info->dlpi_phdr[i].p_memsz;
        }
    return 1;
}

static void on_step(int signal, siginfo_t *information, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uintptr_t at = (uintptr_t)registers[REG_RIP];
    (void)signal, (void)information;
    if (at < code_start || at >= code_end || seen++ != target)
        return;
    registers[REG_EFL] &= ~TRAP_FLAG;
    script();
}

static void take_and_give(int count)
{
    void *taken[MANY];
    for (int i = 0; i < count; i++) {
        taken[i] = malloc(size_bytes);
        if (taken[i])
            memset(taken[i], 0x77, size_bytes);
    }
    while (count-- > 0)
        free(taken[count]);
}

static void keep(int count)
{
    while (count-- > 0)
        kept[kept_count++] = malloc(size_bytes);
}

static void give(int count)
{
    while (count-- > 0)
        free(own[--own_count]);
}

static void takes_one(void) { take_and_give(1); }
static void takes_three(void) { take_and_give(3); }
static void keeps_one(void) { keep(1); }
static void gives_two(void) { give(2); }
static void keeps_and_gives(void) { keep(3), give(2); }
static void takes_many(void) { take_and_give(MANY); }
static void keeps_many(void) { keep(MANY); }
static void gives_many(void) { give(MANY); }

static void all_sizes(void)
{
    for (size_t size = 16; size < 400000; size = size * 3 / 2)
        free(realloc(calloc(1, size), size * 2));
}

static const struct {
    const char *name;
    void (*run)(void);
} scripts[] = {
    {"one block", takes_one},   {"three blocks", takes_three},
    {"one kept", keeps_one},    {"two given", gives_two},
    {"many", takes_many},       {"many kept", keeps_many},
    {"many given", gives_many}, {"kept and given", keeps_and_gives},
    {"all sizes", all_sizes},
};

static void add(void *bytes, size_t size)
{
    if (!bytes)
        return;
    REQUIRE(block_count < BLOCKS);
    blocks[block_count] = (struct block){bytes, size, (unsigned)block_count};
    fill_block(bytes, size, (unsigned)block_count);
    block_count++;
}

// Two that overlap have different patterns.
static void check_and_free_all(void)
{
    for (size_t i = 0; i < block_count; i++)
        require_filled(blocks[i].bytes, blocks[i].size_bytes, blocks[i].seed);
    while (block_count > 0)
        free(blocks[--block_count].bytes);
}

static void take_some(int count, size_t size)
{
    while (count-- > 0)
        add(malloc(size), size);
}

// What a block that is free twice would break: its memory goes to another size, and comes again.
static void use_everything(bool after_trim)
{
    size_t other_bytes = size_bytes > 1008 ? 3000 : 112;
    if (after_trim) {
        check_and_free_all();
        malloc_trim(0);
    }
    take_some(1000, other_bytes);
    take_some(1000, size_bytes);
    check_and_free_all();
    take_some(600, size_bytes);
    check_and_free_all();
    ((void (*)(void))dlsym(RTLD_DEFAULT, "cairn_validate"))();
}

enum call { MALLOC, FREE, MALLOC_MISS, REALLOC, CALLS };

static void set_trap_flag(void)
{
    __asm__ volatile("pushf; orl %0, (%%rsp); popf" ::"i"(TRAP_FLAG) : "memory", "cc");
}

static void clear_trap_flag(void)
{
    __asm__ volatile("pushf; andl %0, (%%rsp); popf" ::"i"(~TRAP_FLAG) : "memory", "cc");
}

static void *make_call(enum call call, void *block)
{
    void *result = NULL;
    set_trap_flag();
    switch (call) {
    case MALLOC:
    case MALLOC_MISS: result = malloc(size_bytes); break;
    case FREE: free(block); break;
    default: result = realloc(block, size_bytes * 2); break;
    }
    clear_trap_flag();
    return result;
}

// Makes the class busy, so that its magazines are big, and leaves some blocks in them.
static void prepare(int taken)
{
    static void *warm[600];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 600; i++)
            warm[i] = malloc(size_bytes);
        for (int i = 0; i < 600; i++)
            free(warm[i]);
    }
    for (own_count = 0; own_count < OWN; own_count++)
        own[own_count] = malloc(size_bytes);
    for (int i = 0; i < taken; i++)
        warm[i] = malloc(size_bytes);
    for (int i = 0; i < taken; i++)
        i % 2 ? free(warm[i]) : add(warm[i], size_bytes);
}

static void interrupt_once(enum call call, int taken, bool after_trim)
{
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    void *block = malloc(size_bytes);
    prepare(taken);
    if (call == MALLOC_MISS)
        malloc_trim(0);
    REQUIRE(sigaction(SIGTRAP, &action, NULL) == 0);
    void *result = make_call(call, block);
    if (seen <= target)
        _exit(STATUS_NOT_REACHED);
    if (call < MALLOC_MISS || result == NULL)
        add(call == FREE ? NULL : block, size_bytes);
    add(result, call == REALLOC ? size_bytes * 2 : size_bytes);
    for (int i = 0; i < kept_count; i++)
        add(kept[i], size_bytes);
    for (int i = 0; i < own_count; i++)
        add(own[i], size_bytes);
    use_everything(after_trim);
    _exit(0);
}

// False when the call has fewer instructions.
static bool interrupt_at(enum call call, int taken, bool after_trim, const char *what)
{
    int status;
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        alarm(20);
        interrupt_once(call, taken, after_trim);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOT_REACHED)
        return false;
    if (status != 0)
        FAIL("%zu bytes, instruction %ld, a handler: %s, %d taken, %s: status %x", size_bytes,
             target, what, taken, after_trim ? "trimmed" : "used again", (unsigned)status);
    return true;
}

static void interrupt_everywhere(enum call call, size_t size)
{
    bool takes_all = getenv("C_TESTS_ALL") != NULL;
    size_bytes = size;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        script = scripts[i].run;
        for (int taken = 0; taken < (takes_all ? 80 : 14); taken += 7) {
            target = 0;
            while (interrupt_at(call, taken, taken % 2 == 0, scripts[i].name))
                target += takes_all || target < INSTRUCTIONS_OF_A_HIT ? 1 : SAMPLED_STRIDE;
            REQUIRE(target >= 15);
        }
    }
}

#define INTERRUPTED(name, call, size) \
    static void name(void) \
    { \
        only_on_cairn("glibc's malloc may deadlock or break when a handler allocates"); \
        dl_iterate_phdr(find_code, NULL); \
        REQUIRE(code_end != 0); \
        interrupt_everywhere(call, size); \
    }

INTERRUPTED(malloc_of_a_tiny_block, MALLOC, 32)
INTERRUPTED(free_of_a_tiny_block, FREE, 32)
INTERRUPTED(malloc_of_a_fine_block, MALLOC, 100)
INTERRUPTED(free_of_a_fine_block, FREE, 100)
INTERRUPTED(malloc_of_a_coarse_block, MALLOC, 2000)
INTERRUPTED(free_of_a_coarse_block, FREE, 2000)
INTERRUPTED(malloc_that_misses, MALLOC_MISS, 100)
INTERRUPTED(malloc_of_a_coarse_block_that_misses, MALLOC_MISS, 2000)
INTERRUPTED(realloc_that_moves, REALLOC, 100)

static const struct check table[] = {
    CHECK(malloc_of_a_tiny_block),   CHECK(free_of_a_tiny_block),
    CHECK(malloc_of_a_fine_block),   CHECK(free_of_a_fine_block),
    CHECK(malloc_of_a_coarse_block), CHECK(free_of_a_coarse_block),
    CHECK(malloc_that_misses),       CHECK(malloc_of_a_coarse_block_that_misses),
    CHECK(realloc_that_moves),
};

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
