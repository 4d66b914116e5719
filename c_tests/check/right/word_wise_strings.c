// The C library's string functions read whole words and vectors: beyond the end of what they are
// given, within what they may.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

int main(void)
{
    size_t sum = 0;
    for (size_t length = 0; length < 300; length++) {
        char *text = malloc(length + 1), *other = malloc(length + 1);
        memset(text, 'a', length);
        text[length] = '\0';
        strcpy(other, text);
        sum += strlen(text) + strcmp(text, other) + strncmp(text, other, 1000);
        sum += strchr(text, 'b') != NULL;
        sum += strrchr(text, 'b') != NULL;
        sum += strstr(text, "ab") != NULL;
        sum += memchr(text, 'b', length) != NULL;
        sum += strcasecmp(text, other) + strspn(text, "a") + strcspn(text, "b");
        sum += strnlen(text, 1000) + memcmp(text, other, length + 1);
        char *twice = strdup(text), *some = strndup(text, length / 2);
        free(some);
        free(twice);
        free(other);
        free(text);
        wchar_t *wide = malloc((length + 1) * sizeof *wide);
        wmemset(wide, L'a', length);
        wide[length] = 0;
        sum += wcslen(wide) + (wcschr(wide, L'b') != NULL);
        free(wide);
    }
    printf("%zu\n", sum);
    return 0;
}
