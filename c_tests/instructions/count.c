// Counts the instructions that one malloc and one free execute when they hit, by single-stepping a
// child through them. Prints a line for each: name, block size, instructions.
//
// The child is stopped by int3 before and after each call; between the two, instructions whose
// address lies in libcairn.so count, so the jump through the PLT doesn't.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static const size_t sizes[] = {32, 100, 2000};
enum { SIZES = sizeof sizes / sizeof sizes[0], CALLS = 2 * SIZES };

static void *volatile sink;

#define MARKED(call) \
    do { \
        __asm__ volatile("int3" ::: "memory"); \
        call; \
        __asm__ volatile("int3" ::: "memory"); \
    } while (0)

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void be_traced(void)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        fail("PTRACE_TRACEME");
    for (int i = 0; i < SIZES; i++) {
        // Uses the class until its magazines are big, and leaves them half full, so that neither
        // call is a miss.
        void *blocks[4];
        for (int round = 0; round < 500; round++) {
            for (int j = 0; j < 4; j++)
                blocks[j] = malloc(sizes[i]);
            for (int j = 0; j < 4; j++)
                free(blocks[j]);
        }
        for (int j = 0; j < 4; j++)
            blocks[j] = malloc(sizes[i]);
        free(blocks[0]);
        free(blocks[1]);
        MARKED(sink = malloc(sizes[i]));
        MARKED(free(sink));
    }
    _exit(0);
}

struct range {
    uint64_t start, end;
};

static struct range code_of_library(pid_t child)
{
    char path[64], line[512];
    struct range range = {0, 0};
    snprintf(path, sizeof path, "/proc/%d/maps", (int)child);
    FILE *maps = fopen(path, "r");
    if (!maps)
        fail(path);
    while (fgets(line, sizeof line, maps)) {
        uint64_t start, end;
        char rights[8];
        if (strstr(line, "libcairn.so") && sscanf(line, "%lx-%lx %7s", &start, &end, rights) == 3 &&
            strchr(rights, 'x'))
            range = (struct range){start, end};
    }
    fclose(maps);
    if (range.end == 0) {
        fprintf(stderr, "libcairn.so isn't loaded\n");
        exit(1);
    }
    return range;
}

static uint64_t program_counter(pid_t child)
{
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, child, NULL, &registers) != 0)
        fail("PTRACE_GETREGS");
    return registers.rip;
}

static void go_on(pid_t child, int request)
{
    int status;
    if (ptrace(request, child, NULL, NULL) != 0 || waitpid(child, &status, 0) != child)
        fail("ptrace");
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
        fprintf(stderr, "the child didn't get to its mark\n");
        exit(1);
    }
}

static int is_mark(pid_t child)
{
    long word = ptrace(PTRACE_PEEKTEXT, child, (void *)program_counter(child), NULL);
    return (word & 0xff) == 0xcc;
}

// The child stands behind its first mark; steps it to the second.
static int count_call(pid_t child, struct range code)
{
    int count = 0;
    while (!is_mark(child)) {
        uint64_t at = program_counter(child);
        if (at >= code.start && at < code.end)
            count++;
        go_on(child, PTRACE_SINGLESTEP);
    }
    return count;
}

int main(void)
{
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0)
        be_traced();
    int status;
    waitpid(child, &status, 0);
    struct range code = code_of_library(child);
    for (int call = 0; call < CALLS; call++) {
        int count = count_call(child, code);
        printf("%s %zu %d\n", call % 2 == 0 ? "malloc" : "free", sizes[call / 2], count);
        go_on(child, PTRACE_CONT); // over the second mark
        if (call < CALLS - 1)
            go_on(child, PTRACE_CONT); // to the next first one
    }
    ptrace(PTRACE_KILL, child, NULL, NULL);
    return 0;
}
