// What a program blocks it sees as blocked, also of the signals that an error raises; one that is sent
// meanwhile waits, in every thread, for sigwait, for signalfd, or until it is unblocked.
// valgrind: noisy

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

static volatile sig_atomic_t handled;

static void handle(int signal)
{
    handled = signal;
}

static int blocks(int signal)
{
    sigset_t set;
    free(malloc(30));
    return pthread_sigmask(SIG_SETMASK, NULL, &set) == 0 && sigismember(&set, signal);
}

static int failed(int line)
{
    return printf("line %d\n", line);
}

#define EXPECT(what) \
    if (!(what)) \
        return failed(__LINE__)

static int masks(void)
{
    sigset_t none, all, some, old;
    sigemptyset(&none), sigfillset(&all), sigemptyset(&some), sigaddset(&some, SIGSEGV);
    EXPECT(sigprocmask(SIG_BLOCK, &all, &old) == 0 && !sigismember(&old, SIGUSR1));
    EXPECT(blocks(SIGSEGV) && blocks(SIGBUS) && blocks(SIGUSR1) && !blocks(SIGKILL));
    EXPECT(sigprocmask(SIG_UNBLOCK, &some, &old) == 0 && sigismember(&old, SIGSEGV));
    EXPECT(!blocks(SIGSEGV) && blocks(SIGBUS));
    EXPECT(sigprocmask(SIG_SETMASK, &some, NULL) == 0 && blocks(SIGSEGV) && !blocks(SIGBUS));
    EXPECT(sigprocmask(77, &some, NULL) == -1 && errno == EINVAL && blocks(SIGSEGV));
    EXPECT(pthread_sigmask(77, &some, NULL) == EINVAL && pthread_sigmask(77, NULL, &old) == 0);
    EXPECT(sigprocmask(SIG_SETMASK, &none, NULL) == 0 && !blocks(SIGSEGV));
    return 0;
}

static int waiting(void)
{
    sigset_t none, some;
    int signal = 0;
    sigemptyset(&none), sigemptyset(&some), sigaddset(&some, SIGSEGV), sigaddset(&some, SIGBUS);
    struct signalfd_siginfo information = {0};
    EXPECT(sigprocmask(SIG_BLOCK, &some, NULL) == 0);
    EXPECT(kill(getpid(), SIGSEGV) == 0 && handled == 0);
    EXPECT(sigwait(&some, &signal) == 0 && signal == SIGSEGV && handled == 0);
    int file = signalfd(-1, &some, 0);
    EXPECT(raise(SIGBUS) == 0 && handled == 0);
    EXPECT(read(file, &information, sizeof information) == sizeof information);
    EXPECT(information.ssi_signo == SIGBUS && handled == 0);
    EXPECT(raise(SIGSEGV) == 0 && handled == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0);
    EXPECT(handled == SIGSEGV);
    return close(file);
}

static void *in_thread(void *unused)
{
    (void)unused;
    return (void *)(long)(masks() || waiting());
}

int main(void)
{
    pthread_t thread;
    void *result;
    struct sigaction action = {.sa_handler = handle};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    if (masks() || waiting())
        return 1;
    handled = 0;
    sigset_t some;
    sigemptyset(&some), sigaddset(&some, SIGSEGV), sigaddset(&some, SIGBUS);
    pthread_sigmask(SIG_BLOCK, &some, NULL);
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, &result);
    return result != NULL;
}
