// Faults with a pointer that never came from the heap: stack, static data, mappings of the
// program's own, plain numbers.

#include "reports.h"

#include <dlfcn.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static _Alignas(16) char initialised[64] = "static data";
static _Alignas(16) char zeroed[1 << 20];
static _Alignas(16) const char constant[64] = "constant data";

static const char *program_path(void)
{
    static char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    REQUIRE(length > 0);
    path[length] = 0;
    return path;
}

static void free_foreign(void *pointer, const char *what)
{
    void *hidden = opaque_pointer(pointer);
    expect("free(%p): invalid pointer, %s", hidden, what);
    free(hidden);
}

static void free_static(void *pointer)
{
    char what[PATH_MAX + 100];
    snprintf(what, sizeof what, "into the static data of %s", program_path());
    free_foreign(pointer, what);
}

FAULT(free_of_the_stack)
{
    _Alignas(16) char local[64];
    free_foreign(local, "into the stack");
}

FAULT(free_of_the_stack_misaligned)
{
    _Alignas(16) char local[64];
    free_foreign(local + 3, "into the stack");
}

// The environment lies at the stack's far end.
FAULT(free_of_an_environment_string)
{
    char *value = getenv("C_TESTS_ALLOCATOR");
    free_foreign(value, "into the stack");
}

static void *free_own_stack(void *unused)
{
    _Alignas(16) char local[64];
    free_foreign(local, "into the stack");
    return unused;
}

FAULT(free_of_a_threads_own_stack)
{
    pthread_t thread;
    pthread_create(&thread, NULL, free_own_stack, NULL);
    pthread_join(thread, NULL);
}

FAULT(free_of_static_data) { free_static(initialised); }
FAULT(free_of_static_data_misaligned) { free_static(initialised + 5); }
FAULT(free_of_static_zeros) { free_static(zeroed + (1 << 19)); }
FAULT(free_of_a_constant) { free_static((void *)constant); }

// The module may be named as the loader found it, or by its real path.
FAULT(free_of_a_librarys_data)
{
    char path[PATH_MAX];
    Dl_info libc;
    REQUIRE(dladdr(dlsym(RTLD_DEFAULT, "puts"), &libc) && realpath(libc.dli_fname, path));
    void *data = opaque_pointer(stdout); // an object of libc's own data
    expect("free(%p): invalid pointer, into the static data of %s", data, libc.dli_fname);
    expect("free(%p): invalid pointer, into the static data of %s", data, path);
    free(data);
}

static char *map_pages(void)
{
    char *pages = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(pages != MAP_FAILED);
    return pages;
}

FAULT(free_of_mapped_pages) { free_foreign(map_pages(), "not from this allocator"); }
FAULT(free_of_mapped_pages_misaligned) { free_foreign(map_pages() + 7, "not from this allocator"); }

FAULT(free_of_unmapped_pages)
{
    char *pages = map_pages();
    munmap(pages, 1 << 20);
    free_foreign(pages, "not from this allocator");
}

FAULT(free_of_a_small_number) { free_foreign((void *)0x10, "not from this allocator"); }
FAULT(free_of_minus_one) { free_foreign((void *)-1, "not from this allocator"); }
FAULT(free_of_minus_16) { free_foreign((void *)-16, "not from this allocator"); }
FAULT(free_of_no_address) { free_foreign((void *)0xdeadbeefdeadbee0, "not from this allocator"); }

FAULT(realloc_of_the_stack)
{
    _Alignas(16) char local[64];
    void *hidden = opaque_pointer(local);
    expect("realloc(%p): invalid pointer, into the stack", hidden);
    free(realloc(hidden, 100));
}

FAULT(realloc_of_static_data)
{
    void *hidden = opaque_pointer(initialised);
    expect("realloc(%p): invalid pointer, into the static data of %s", hidden, program_path());
    free(realloc(hidden, 100));
}

FAULT(usable_size_of_mapped_pages)
{
    void *pages = opaque_pointer(map_pages());
    expect("malloc_usable_size(%p): invalid pointer, not from this allocator", pages);
    REQUIRE(malloc_usable_size(pages) == 0);
}

DEFINE_TABLE(foreign_pointer_checks, ENTRY(free_of_the_stack), ENTRY(free_of_the_stack_misaligned),
             ENTRY(free_of_an_environment_string), ENTRY(free_of_a_threads_own_stack),
             ENTRY(free_of_static_data), ENTRY(free_of_static_data_misaligned),
             ENTRY(free_of_static_zeros), ENTRY(free_of_a_constant), ENTRY(free_of_a_librarys_data),
             ENTRY(free_of_mapped_pages), ENTRY(free_of_mapped_pages_misaligned),
             ENTRY(free_of_unmapped_pages), ENTRY(free_of_a_small_number), ENTRY(free_of_minus_one),
             ENTRY(free_of_minus_16), ENTRY(free_of_no_address), ENTRY(realloc_of_the_stack),
             ENTRY(realloc_of_static_data), ENTRY(usable_size_of_mapped_pages));
