// launch FIGURES SECONDS TIMES PROGRAM [ARGUMENT...]
//
// Runs PROGRAM TIMES times, one after the other, and writes to the file FIGURES how it went: wall
// and processor time (in sum) and peak memory (of the largest). A run longer than SECONDS is
// killed.
//
// It stands between the bench and what it measures because Linux hands the peak of a process on to
// the program that it executes: started by the bench itself, a small program would show the bench's
// own peak. This one is linked statically and is smaller than any program that it starts; being
// static, it also doesn't load what LD_PRELOAD names, and what it starts does.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct figures {
    uint64_t wall_ns, cpu_ns;
    long peak_kib, faults;
    const char *end;  // "exit" or "signal", which with `number` says how the last run ended
    int number;
};

static volatile pid_t running;
static volatile sig_atomic_t is_late;

static void kill_late(int signal)
{
    (void)signal;
    is_late = 1;
    if (running > 0)
        kill(running, SIGKILL);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t ns_of(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

// Starts the program; it dies with this process.
static pid_t start(char **program)
{
    pid_t child = vfork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execv(program[0], program);
        _exit(127);
    }
    return child;
}

// Runs the program once, adding to the figures.
static void run(char **program, unsigned seconds, struct figures *figures)
{
    int status = 0;
    struct rusage usage = {0};
    uint64_t start_ns = now_ns();
    running = start(program);
    alarm(seconds);
    while (running > 0 && wait4(running, &status, 0, &usage) < 0 && errno == EINTR)
        ;
    figures->wall_ns += now_ns() - start_ns;
    running = 0;
    alarm(0);
    figures->cpu_ns += ns_of(usage.ru_utime) + ns_of(usage.ru_stime);
    figures->faults += usage.ru_minflt;
    if (usage.ru_maxrss > figures->peak_kib)
        figures->peak_kib = usage.ru_maxrss;
    figures->end = WIFSIGNALED(status) ? "signal" : "exit";
    figures->number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static int write_figures(const char *path, const struct figures *figures)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return 1;
    fprintf(file, "wall_ns %llu\ncpu_ns %llu\npeak_kib %ld\nfaults %ld\n%s %d\n",
            (unsigned long long)figures->wall_ns, (unsigned long long)figures->cpu_ns,
            figures->peak_kib, figures->faults, is_late ? "late" : figures->end, figures->number);
    return fclose(file) != 0;
}

int main(int count, char **arguments)
{
    if (count < 5) {
        fprintf(stderr, "usage: launch FIGURES SECONDS TIMES PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGALRM, kill_late);
    struct figures figures = {.end = "exit"};
    unsigned seconds = (unsigned)atoi(arguments[2]);
    for (long times = atol(arguments[3]); times > 0 && !figures.number && !is_late; times--)
        run(arguments + 4, seconds, &figures);
    return write_figures(arguments[1], &figures);
}
