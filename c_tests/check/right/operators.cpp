// Every pair of new and delete that belongs together, aligned, sized, placement and nothrow.

#include <cstdlib>
#include <cstring>
#include <new>

struct alignas(128) Aligned {
    char bytes[256];
};

int main()
{
    long *plain = new long(1);
    long *array = new long[100];
    long *quiet = new (std::nothrow) long(2);
    long *quiet_array = new (std::nothrow) long[3];
    Aligned *aligned = new Aligned;
    Aligned *aligned_array = new Aligned[3];
    void *raw = operator new(77);
    void *raw_aligned = operator new(77, std::align_val_t(64));
    std::memset(raw, 1, 77);
    std::memset(raw_aligned, 1, 77);
    std::memset(aligned_array[2].bytes, 1, 256);
    void *storage = std::malloc(sizeof(Aligned));
    long *placed = new (storage) long(5);
    int bad = *placed != 5 || reinterpret_cast<size_t>(aligned) % 128 != 0;
    std::free(storage);
    operator delete(raw_aligned, std::align_val_t(64));
    operator delete(raw, size_t(77));
    delete[] aligned_array;
    delete aligned;
    delete[] quiet_array;
    delete quiet;
    delete[] array;
    delete plain;
    return bad;
}
