// A string's text is read through the pointer that c_str gave, after the string is gone.
// guarded: invalid-read block=41 where=inside:0 at=BUG free=FREE
// unguarded: none
// valgrind: invalid-read block=41 where=inside:0 at=BUG free=FREE

#include <string>

int main()
{
    const char *text;
    {
        std::string *name = new std::string(40, 'x');
        text = name->c_str();
        delete name; // FREE
    }
    volatile char first = text[0]; // BUG
    (void)first;
    return 0;
}
