// What correct programs do at the start of blocks: strings of all lengths through the C library, whose
// functions look at whole vectors that may begin before a string, and loops that end at the start.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static size_t sum;

static void look_at(char *text, size_t length)
{
    char other[256];
    sum += strlen(text) + strnlen(text, 300) + (memchr(text, 'z', length) != 0);
    sum += (strchr(text, 'z') != 0) + (strrchr(text, 'a') != 0) + (memrchr(text, 'z', length) != 0);
    sum += (strcmp(text, "aaa") > 0) + (strncmp(text, "aab", 3) > 0);
    sum += memcmp(text, "aaa", length < 3 ? length : 3) > 0;
    sum += strspn(text, "a") + strcspn(text, "b") + (strpbrk(text, "xyz") != 0);
    sum += strstr(text, "ab") != 0;
    strcpy(other, text);
    strncpy(other, text, sizeof other);
    stpcpy(other, text);
    memmove(text + 1, text, length - 1);
    memcpy(other, text, length);
    strcat(other, text);
    for (size_t i = length; i-- > 0;)
        sum += (size_t)text[i];
}

int main(void)
{
    for (size_t length = 1; length < 120; length++) {
        char *text = malloc(length + 1);
        memset(text, 'a', length);
        text[length] = 0;
        look_at(text, length);
        char *copy = strdup(text);
        sum += strcasecmp(text, copy) == 0;
        wchar_t *wide = malloc((length + 1) * sizeof *wide);
        wmemset(wide, L'a', length);
        wide[length] = 0;
        sum += wcslen(wide) + (wcschr(wide, L'z') != 0) + (wmemchr(wide, L'z', length) != 0);
        free(wide);
        free(copy);
        free(text);
    }
    printf("%zu\n", sum);
    return 0;
}
