// popen, system, posix_spawn, and vfork with exec.

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(void)
{
    char line[100] = "";
    FILE *pipe = popen("echo hello", "r");
    if (!pipe || !fgets(line, sizeof line, pipe) || pclose(pipe) != 0 || strcmp(line, "hello\n"))
        return 1;
    if (system("true") != 0)
        return 2;
    pid_t child;
    char *arguments[] = {"true", NULL};
    int status;
    if (posix_spawnp(&child, "true", NULL, NULL, arguments, environ) != 0)
        return 3;
    if (waitpid(child, &status, 0) != child || status != 0)
        return 4;
    char *block = malloc(100);
    child = vfork();
    if (child == 0) {
        execlp("true", "true", (char *)NULL);
        _exit(127);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        return 5;
    free(block);
    return 0;
}
