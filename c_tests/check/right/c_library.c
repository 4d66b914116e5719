// Calls of the C library that allocate for the caller or for themselves.

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <locale.h>
#include <netdb.h>
#include <pwd.h>
#include <regex.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

static int by_value(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

static void streams(void)
{
    char *text = NULL, *line = NULL;
    size_t size = 0, line_size = 0;
    FILE *memory = open_memstream(&text, &size);
    for (int i = 0; i < 3000; i++)
        fprintf(memory, "line %d %f\n", i, i / 3.0);
    fclose(memory);
    FILE *file = fmemopen(text, size, "r");
    while (getline(&line, &line_size, file) >= 0)
        ;
    fclose(file);
    free(line);
    free(text);
    if (asprintf(&text, "%0500d %ls", 1, L"wide") > 0)
        free(text);
}

static void files(void)
{
    struct dirent **names;
    glob_t paths;
    int count = scandir("/etc", &names, NULL, alphasort);
    for (int i = 0; i < count; i++)
        free(names[i]);
    if (count >= 0)
        free(names);
    if (glob("/etc/*", 0, NULL, &paths) == 0)
        globfree(&paths);
    char *path = realpath("/proc/self/exe", NULL);
    free(path);
    path = getcwd(NULL, 0);
    free(path);
    DIR *folder = opendir("/");
    while (readdir(folder))
        ;
    closedir(folder);
}

static void search_and_sort(void)
{
    int *numbers = malloc(100000 * sizeof *numbers);
    for (int i = 0; i < 100000; i++)
        numbers[i] = i * 7919 % 100003;
    qsort(numbers, 100000, sizeof *numbers, by_value);
    free(numbers);
    void *root = NULL;
    static int keys[100];
    for (int i = 0; i < 100; i++) {
        keys[i] = i * 37 % 100;
        tsearch(&keys[i], &root, by_value);
    }
    for (int i = 0; i < 100; i++)
        tdelete(&keys[i], &root, by_value);
    hcreate(100);
    hsearch((ENTRY){"key", "value"}, ENTER);
    hdestroy();
}

int main(void)
{
    regex_t pattern;
    setlocale(LC_ALL, "C.UTF-8");
    streams();
    files();
    search_and_sort();
    if (regcomp(&pattern, "^(a|b)*[[:alpha:]]+(x{2,5})$", REG_EXTENDED) == 0) {
        regexec(&pattern, "ababcxxx", 0, NULL, 0);
        regfree(&pattern);
    }
    setenv("A_VARIABLE", "a value", 1);
    setenv("A_VARIABLE", "a longer value than before", 1);
    unsetenv("A_VARIABLE");
    tzset();
    getpwuid(0);
    struct addrinfo *addresses = NULL, hints = {.ai_flags = AI_NUMERICHOST};
    if (getaddrinfo("127.0.0.1", "80", &hints, &addresses) == 0)
        freeaddrinfo(addresses);
    return 0;
}
