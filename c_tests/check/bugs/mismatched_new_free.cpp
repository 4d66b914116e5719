// An object made with new is released with free.
// found: mismatched-free block=4 at=BUG alloc=ALLOC

#include <cstdlib>

int main()
{
    int *object = new int(1); // ALLOC
    std::free(object); // BUG
    return 0;
}
