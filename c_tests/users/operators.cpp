// The 20 replaceable operators of C++, each called by name; and what operator new does when there
// is no memory.

#include "../checks.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <malloc.h>
#include <new>

namespace
{

const std::align_val_t ALIGN_256{256};
const std::size_t HUGE_SIZE = SIZE_MAX / 2 - 100;

void *used(void *block, std::size_t alignment, std::size_t size_bytes)
{
    REQUIRE(block != nullptr && reinterpret_cast<std::uintptr_t>(block) % alignment == 0);
    REQUIRE(malloc_usable_size(block) >= size_bytes);
    std::memset(block, 1, size_bytes);
    return opaque_pointer(block);
}

void plain_new_and_delete()
{
    for (std::size_t size_bytes : {1, 100, 5000, 300000}) {
        ::operator delete(used(::operator new(size_bytes), 16, size_bytes));
        ::operator delete(used(::operator new(size_bytes), 16, size_bytes), size_bytes);
        ::operator delete[](used(::operator new[](size_bytes), 16, size_bytes));
        ::operator delete[](used(::operator new[](size_bytes), 16, size_bytes), size_bytes);
    }
}

void nothrow_new_and_delete()
{
    for (std::size_t size_bytes : {1, 100, 5000, 300000}) {
        ::operator delete(used(::operator new(size_bytes, std::nothrow), 16, size_bytes),
                          std::nothrow);
        ::operator delete[](used(::operator new[](size_bytes, std::nothrow), 16, size_bytes),
                            std::nothrow);
    }
}

void aligned_new_and_delete()
{
    for (std::size_t size_bytes : {1, 100, 5000, 300000}) {
        auto make = [&] { return used(::operator new(size_bytes, ALIGN_256), 256, size_bytes); };
        auto make_array = [&] {
            return used(::operator new[](size_bytes, ALIGN_256), 256, size_bytes);
        };
        ::operator delete(make(), ALIGN_256);
        ::operator delete(make(), size_bytes, ALIGN_256);
        ::operator delete[](make_array(), ALIGN_256);
        ::operator delete[](make_array(), size_bytes, ALIGN_256);
    }
}

void aligned_nothrow_new_and_delete()
{
    for (std::size_t size_bytes : {1, 100, 5000, 300000}) {
        void *block = ::operator new(size_bytes, ALIGN_256, std::nothrow);
        ::operator delete(used(block, 256, size_bytes), ALIGN_256, std::nothrow);
        block = ::operator new[](size_bytes, ALIGN_256, std::nothrow);
        ::operator delete[](used(block, 256, size_bytes), ALIGN_256, std::nothrow);
    }
}

void new_of_zero_is_unique()
{
    void *first = ::operator new(opaque_size(0)), *second = ::operator new(opaque_size(0));
    REQUIRE(first && second && first != second);
    ::operator delete(first, opaque_size(0));
    ::operator delete(second);
}

// A null of its own for each call: else the compiler takes the second one for a double free.
void *null()
{
    return opaque_pointer(nullptr);
}

void delete_of_null_does_nothing()
{
    ::operator delete(null());
    ::operator delete(null(), 100);
    ::operator delete(null(), ALIGN_256);
    ::operator delete(null(), 100, ALIGN_256);
    ::operator delete(null(), std::nothrow);
    ::operator delete(null(), ALIGN_256, std::nothrow);
    ::operator delete[](null());
    ::operator delete[](null(), 100);
    ::operator delete[](null(), ALIGN_256);
    ::operator delete[](null(), 100, ALIGN_256);
    ::operator delete[](null(), std::nothrow);
    ::operator delete[](null(), ALIGN_256, std::nothrow);
}

void operators_keep_errno()
{
    errno = 1234;
    plain_new_and_delete();
    nothrow_new_and_delete();
    aligned_new_and_delete();
    REQUIRE(errno == 1234);
}

template <class Call> bool throws_bad_alloc(Call call)
{
    try {
        opaque_pointer(call());
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

void out_of_memory_throws_bad_alloc()
{
    std::size_t huge = opaque_size(HUGE_SIZE);
    REQUIRE(throws_bad_alloc([&] { return ::operator new(huge); }));
    REQUIRE(throws_bad_alloc([&] { return ::operator new[](huge); }));
    REQUIRE(throws_bad_alloc([&] { return ::operator new(huge, ALIGN_256); }));
    REQUIRE(throws_bad_alloc([&] { return ::operator new[](huge, ALIGN_256); }));
    REQUIRE(throws_bad_alloc([&] { return ::operator new(opaque_size(SIZE_MAX)); }));
}

bool all_nothrow_forms_return_null()
{
    std::size_t huge = opaque_size(HUGE_SIZE);
    return !opaque_pointer(::operator new(huge, std::nothrow)) &&
           !opaque_pointer(::operator new[](huge, std::nothrow)) &&
           !opaque_pointer(::operator new(huge, ALIGN_256, std::nothrow)) &&
           !opaque_pointer(::operator new[](huge, ALIGN_256, std::nothrow));
}

void out_of_memory_nothrow_returns_null()
{
    REQUIRE(all_nothrow_forms_return_null());
}

int handler_calls;

void throwing_handler()
{
    handler_calls++;
    throw std::bad_alloc();
}

void the_new_handler_is_called_and_may_throw()
{
    std::set_new_handler(throwing_handler);
    REQUIRE(throws_bad_alloc([&] { return ::operator new(opaque_size(HUGE_SIZE)); }));
    REQUIRE(throws_bad_alloc([&] { return ::operator new[](opaque_size(HUGE_SIZE), ALIGN_256); }));
    REQUIRE(handler_calls == 2);
}

// A nothrow form that meets a handler which throws must catch it and return null.
void nothrow_catches_what_the_handler_throws()
{
    std::set_new_handler(throwing_handler);
    REQUIRE(all_nothrow_forms_return_null());
    REQUIRE(handler_calls == 4);
}

void handler_that_gives_up()
{
    if (++handler_calls == 3)
        std::set_new_handler(nullptr);
}

// The loop: as long as there is a handler, it is called and the request tried again.
void the_new_handler_is_called_again_and_again()
{
    std::set_new_handler(handler_that_gives_up);
    REQUIRE(throws_bad_alloc([&] { return ::operator new(opaque_size(HUGE_SIZE)); }));
    REQUIRE(handler_calls == 3);
}

struct Stop {};

void handler_that_throws_its_own()
{
    throw Stop();
}

void an_exception_of_the_handler_passes_through()
{
    bool stopped = false;
    std::set_new_handler(handler_that_throws_its_own);
    try {
        opaque_pointer(::operator new(opaque_size(HUGE_SIZE)));
    } catch (const Stop &) {
        stopped = true;
    }
    REQUIRE(stopped);
}

const struct check table[] = {
    CHECK(plain_new_and_delete),
    CHECK(nothrow_new_and_delete),
    CHECK(aligned_new_and_delete),
    CHECK(aligned_nothrow_new_and_delete),
    CHECK(new_of_zero_is_unique),
    CHECK(delete_of_null_does_nothing),
    CHECK(operators_keep_errno),
    CHECK(out_of_memory_throws_bad_alloc),
    CHECK(out_of_memory_nothrow_returns_null),
    CHECK(the_new_handler_is_called_and_may_throw),
    CHECK(nothrow_catches_what_the_handler_throws),
    CHECK(the_new_handler_is_called_again_and_again),
    CHECK(an_exception_of_the_handler_passes_through),
};

} // namespace

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
