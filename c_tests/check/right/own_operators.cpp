// A program that replaces new and delete by malloc and free: its blocks are malloc's on both sides.

#include <cstdlib>
#include <new>
#include <string>
#include <vector>

static long live;

void *operator new(std::size_t size)
{
    live++;
    void *block = std::malloc(size ? size : 1);
    if (!block)
        throw std::bad_alloc();
    return block;
}

void operator delete(void *block) noexcept
{
    live--;
    std::free(block);
}

void operator delete(void *block, std::size_t) noexcept
{
    live--;
    std::free(block);
}

int main()
{
    {
        std::vector<std::string> texts(100, std::string(100, 'x'));
        int *array = new int[10];
        delete[] array;
    }
    return live != 0;
}
