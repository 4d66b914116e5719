// The program that the tests of the command start: it makes a file if it is told one, so that it is
// seen whether it has run, and does something wrong if it is told what.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void twice(void)
{
    char *block = malloc(40);
    free(block);
    free(block); // MARK: twice
}

int main(int count, char **words)
{
    if (count > 1) {
        FILE *mark = fopen(words[1], "w");
        if (!mark)
            return 1;
        fclose(mark);
    }
    if (count > 2 && strcmp(words[2], "twice") == 0)
        twice();
    return 0;
}
