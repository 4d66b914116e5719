// Code in C++ may insist on what the C library's malloc gives: multiples of 16 for every size that can
// hold something that needs them.

#include <cstdint>
#include <cstdio>
#include <cstdlib>

int main()
{
    for (std::size_t size = 16; size < 200; size++) {
        void *block = std::malloc(size);
        if (reinterpret_cast<std::uintptr_t>(block) % 16 != 0)
            return std::printf("%zu bytes at %p\n", size, block), 1;
        std::free(block);
    }
}
