// Faults of C++'s delete: every unsized form says "operator delete(ADDRESS)", or "operator delete[]"
// of an array, every sized one its size as well. The operators are called by name: a delete
// expression would let the compiler have a word in it.

#include "reports.h"

#include <cstdlib>
#include <malloc.h>
#include <new>

namespace
{

const std::align_val_t ALIGN_64{64};

void *hidden(void *pointer)
{
    return opaque_pointer(pointer);
}

FAULT(delete_twice)
{
    void *block = hidden(::operator new(100)), *again = hidden(block);
    ::operator delete(block);
    expect("operator delete(%p): double free of a block of 112 bytes", again);
    ::operator delete(again);
}

FAULT(delete_array_twice)
{
    void *block = hidden(::operator new[](100)), *again = hidden(block);
    ::operator delete[](block);
    expect("operator delete[](%p): double free of a block of 112 bytes", again);
    ::operator delete[](again);
}

FAULT(delete_nothrow_twice)
{
    void *block = hidden(::operator new(100, std::nothrow)), *again = hidden(block);
    ::operator delete(block, std::nothrow);
    expect("operator delete(%p): double free of a block of 112 bytes", again);
    ::operator delete(again, std::nothrow);
}

FAULT(delete_array_nothrow_twice)
{
    void *block = hidden(::operator new[](100, std::nothrow)), *again = hidden(block);
    ::operator delete[](block, std::nothrow);
    expect("operator delete[](%p): double free of a block of 112 bytes", again);
    ::operator delete[](again, std::nothrow);
}

FAULT(delete_aligned_twice)
{
    void *block = hidden(::operator new(128, ALIGN_64)), *again = hidden(block);
    std::size_t usable_bytes = malloc_usable_size(block);
    ::operator delete(block, ALIGN_64);
    expect("operator delete(%p): double free of a block of %zu bytes", again, usable_bytes);
    ::operator delete(again, ALIGN_64);
}

FAULT(delete_array_aligned_twice)
{
    void *block = hidden(::operator new[](128, ALIGN_64)), *again = hidden(block);
    std::size_t usable_bytes = malloc_usable_size(block);
    ::operator delete[](block, ALIGN_64);
    expect("operator delete[](%p): double free of a block of %zu bytes", again, usable_bytes);
    ::operator delete[](again, ALIGN_64);
}

FAULT(delete_aligned_nothrow_twice)
{
    void *block = hidden(::operator new(128, ALIGN_64, std::nothrow)), *again = hidden(block);
    std::size_t usable_bytes = malloc_usable_size(block);
    ::operator delete(block, ALIGN_64, std::nothrow);
    expect("operator delete(%p): double free of a block of %zu bytes", again, usable_bytes);
    ::operator delete(again, ALIGN_64, std::nothrow);
}

FAULT(sized_delete_with_wrong_size)
{
    void *block = hidden(::operator new(100));
    expect("operator delete(%p, 200): wrong size for a block of 112 bytes", block);
    ::operator delete(block, opaque_size(200));
}

FAULT(sized_delete_array_with_wrong_size)
{
    void *block = hidden(::operator new[](100));
    expect("operator delete[](%p, 16): wrong size for a block of 112 bytes", block);
    ::operator delete[](block, opaque_size(16));
}

FAULT(sized_delete_twice)
{
    void *block = hidden(::operator new(100)), *again = hidden(block);
    ::operator delete(block, opaque_size(100));
    expect("operator delete(%p, 100): double free of a block of 112 bytes", again);
    ::operator delete(again, opaque_size(100));
}

FAULT(sized_aligned_delete_with_wrong_size)
{
    void *block = hidden(::operator new(128, ALIGN_64));
    std::size_t usable_bytes = malloc_usable_size(block);
    expect("operator delete(%p, 1000, 64): wrong size for a block of %zu bytes", block,
           usable_bytes);
    ::operator delete(block, opaque_size(1000), ALIGN_64);
}

FAULT(sized_aligned_delete_array_with_wrong_size)
{
    void *block = hidden(::operator new[](128, ALIGN_64));
    std::size_t usable_bytes = malloc_usable_size(block);
    expect("operator delete[](%p, 1000, 64): wrong size for a block of %zu bytes", block,
           usable_bytes);
    ::operator delete[](block, opaque_size(1000), ALIGN_64);
}

// The bug behind most wrong sizes: delete through a base class without a virtual destructor.
struct Base {
    int number = 1;
};
struct Derived : Base {
    char more[100] = "";
};

FAULT(delete_through_a_base_without_virtual_destructor)
{
    Base *object = static_cast<Base *>(hidden(static_cast<Base *>(new Derived)));
    expect("operator delete(%p, 4): wrong size for a block of 112 bytes",
           static_cast<void *>(object));
    delete object;
}

FAULT(delete_inside)
{
    char *block = static_cast<char *>(hidden(::operator new(400)));
    void *inside = hidden(block + 16);
    expect("operator delete(%p): invalid pointer, 16 bytes into the live block %p of 400 bytes",
           inside, static_cast<void *>(block));
    ::operator delete(inside);
}

FAULT(delete_of_the_stack)
{
    alignas(16) char local[64];
    void *pointer = hidden(local);
    expect("operator delete(%p): invalid pointer, into the stack", pointer);
    ::operator delete(pointer);
}

FAULT(delete_of_what_free_freed)
{
    void *block = hidden(std::malloc(100)), *again = hidden(block);
    std::free(block);
    expect("operator delete(%p): double free of a block of 112 bytes", again);
    ::operator delete(again);
}

const struct check table[] = {
    ENTRY(delete_twice),
    ENTRY(delete_array_twice),
    ENTRY(delete_nothrow_twice),
    ENTRY(delete_array_nothrow_twice),
    ENTRY(delete_aligned_twice),
    ENTRY(delete_array_aligned_twice),
    ENTRY(delete_aligned_nothrow_twice),
    ENTRY(sized_delete_with_wrong_size),
    ENTRY(sized_delete_array_with_wrong_size),
    ENTRY(sized_delete_twice),
    ENTRY(sized_aligned_delete_with_wrong_size),
    ENTRY(sized_aligned_delete_array_with_wrong_size),
    ENTRY(delete_through_a_base_without_virtual_destructor),
    ENTRY(delete_inside),
    ENTRY(delete_of_the_stack),
    ENTRY(delete_of_what_free_freed),
};

} // namespace

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
