// The program that the tests of the command start: it makes a file if it is told one, so that it is
// seen whether it has run, and does what it is told.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void twice(void)
{
    char *block = malloc(40);
    free(block);
    free(block); // MARK: twice
}

static void lose(void)
{
    char *block = malloc(24); // MARK: lose
    memset(block, 1, 24);
}

// Two errors: the program goes on after the first.
static void twice_and_lose(void)
{
    twice();
    lose();
    fprintf(stderr, "went on\n");
}

// The process ends before its child does something wrong.
static void leave_behind(const char *mark)
{
    if (fork() != 0)
        return;
    // The program has ended, and been told of, by then.
    usleep(300 * 1000);
    twice();
    remove(mark);
}

// As `leave_behind`, in a program of its own.
static void execute_behind(char *own_path, char *mark)
{
    if (fork() == 0)
        execl(own_path, own_path, mark, "leave", (char *)NULL);
}

static void wait_forever(const char *mark)
{
    twice();
    FILE *done = fopen(mark, "a");
    if (done) {
        fputs("done\n", done);
        fclose(done);
    }
    for (;;)
        pause();
}

int main(int count, char **words)
{
    const char *wanted = count > 2 ? words[2] : "";
    if (count > 1) {
        FILE *mark = fopen(words[1], "w");
        if (!mark)
            return 1;
        fclose(mark);
    }
    if (strcmp(wanted, "twice") == 0)
        twice();
    if (strcmp(wanted, "lose") == 0)
        lose();
    if (strcmp(wanted, "both") == 0)
        twice_and_lose();
    if (strcmp(wanted, "leave") == 0)
        leave_behind(words[1]);
    if (strcmp(wanted, "execute") == 0)
        execute_behind(words[0], words[1]);
    if (strcmp(wanted, "wait") == 0)
        wait_forever(words[1]);
    return 0;
}
