// Faults of C23's sized free. (Sized delete: sized_delete.cpp.)

#include "reports.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

static void free_sized(void *block, size_t size_bytes)
{
    void (*function)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
    REQUIRE(function != NULL);
    function(block, size_bytes);
}

static void free_aligned_sized(void *block, size_t alignment, size_t size_bytes)
{
    void (*function)(void *, size_t, size_t) =
        (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");
    REQUIRE(function != NULL);
    function(block, alignment, size_bytes);
}

static void free_with_wrong_size(size_t size_bytes, size_t usable_bytes, size_t wrong_bytes)
{
    void *block = opaque_pointer(malloc(size_bytes));
    expect("free_sized(%p, %zu): wrong size for a block of %zu bytes", block, wrong_bytes,
           usable_bytes);
    free_sized(block, wrong_bytes);
}

FAULT(free_sized_too_large) { free_with_wrong_size(100, 112, 200); }
FAULT(free_sized_too_small) { free_with_wrong_size(100, 112, 16); }
FAULT(free_sized_one_class_off) { free_with_wrong_size(100, 112, 113); }
FAULT(free_sized_huge) { free_with_wrong_size(100, 112, (size_t)-1); }
FAULT(free_sized_large_for_small) { free_with_wrong_size(100, 112, 3000000); }
FAULT(free_sized_small_for_large)
{
    free_with_wrong_size(300000, malloc_usable_size(malloc(300000)), 100);
}

FAULT(free_sized_twice)
{
    void *block = opaque_pointer(malloc(100)), *hidden = opaque_pointer(block);
    free_sized(block, 100);
    expect("free_sized(%p, 100): double free of a block of 112 bytes", hidden);
    free_sized(hidden, 100);
}

FAULT(free_sized_inside)
{
    char *block = opaque_pointer(malloc(400)), *inside = opaque_pointer(block + 16);
    expect("free_sized(%p, 384): invalid pointer, 16 bytes into the live block %p of 400 bytes",
           (void *)inside, (void *)block);
    free_sized(inside, 384);
}

FAULT(free_sized_of_the_stack)
{
    _Alignas(16) char local[64];
    void *hidden = opaque_pointer(local);
    expect("free_sized(%p, 64): invalid pointer, into the stack", hidden);
    free_sized(hidden, 64);
}

FAULT(free_aligned_sized_wrong)
{
    void *block = opaque_pointer(aligned_alloc(64, 100));
    size_t usable_bytes = malloc_usable_size(block);
    expect("free_aligned_sized(%p, 64, 1000): wrong size for a block of %zu bytes", block,
           usable_bytes);
    free_aligned_sized(block, 64, 1000);
}

FAULT(free_aligned_sized_twice)
{
    void *block = opaque_pointer(aligned_alloc(64, 100)), *hidden = opaque_pointer(block);
    size_t usable_bytes = malloc_usable_size(block);
    free_aligned_sized(block, 64, 100);
    expect("free_aligned_sized(%p, 64, 100): double free of a block of %zu bytes", hidden,
           usable_bytes);
    free_aligned_sized(hidden, 64, 100);
}

DEFINE_TABLE(wrong_size_checks, ENTRY(free_sized_too_large), ENTRY(free_sized_too_small),
             ENTRY(free_sized_one_class_off), ENTRY(free_sized_huge),
             ENTRY(free_sized_large_for_small), ENTRY(free_sized_small_for_large),
             ENTRY(free_sized_twice), ENTRY(free_sized_inside), ENTRY(free_sized_of_the_stack),
             ENTRY(free_aligned_sized_wrong), ENTRY(free_aligned_sized_twice));
