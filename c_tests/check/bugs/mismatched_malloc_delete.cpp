// A block of malloc's is released with delete[].
// found: mismatched-free block=80 at=BUG alloc=ALLOC

#include <cstdlib>

int main()
{
    char *block = static_cast<char *>(std::malloc(80)); // ALLOC
    delete[] block; // BUG
    return 0;
}
