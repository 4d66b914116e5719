// A program whose heap functions partly are the tool's (valgrind, AddressSanitizer) and partly, by
// name, still Cairn's: each block has to come from and go to the same one.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    (void)argv;
    char *array = reallocarray(NULL, 10, 10);
    strcpy(array, "reallocarray, ");
    array = reallocarray(array, 200, 10);
    array = realloc(array, 5000000);
    strcat(array, "realloc");
    puts(array);
    if (argc > 1)
        array[5000000] = 1; // the fault that the tool has to find
    free(array);
    return 0;
}
