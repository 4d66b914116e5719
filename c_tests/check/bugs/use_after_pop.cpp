// A reference to a vector's element is used after the vector has moved its elements.
// guarded: invalid-read size=4 block=64 where=inside:0 at=BUG
// unguarded: none
// valgrind: invalid-read size=4 block=64 where=inside:0 at=BUG

#include <vector>

int main()
{
    std::vector<int> numbers(16, 1);
    int &first = numbers.front();
    numbers.pop_back();
    numbers.shrink_to_fit();
    volatile int value = first; // BUG
    (void)value;
    return 0;
}
