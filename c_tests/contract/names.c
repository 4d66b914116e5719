// Rule: the names of exports.txt are the library's own, so that no call of the family slips through
// to another heap; and the aliases (__libc_*, __posix_memalign, cfree) work on the same heap as the
// plain names.

#include "contract.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void require_in_cairn(const char *name)
{
    Dl_info info;
    void *address = dlsym(RTLD_DEFAULT, name);
    if (!address)
        FAIL("%s is not there", name);
    if (!dladdr(address, &info) || !strstr(info.dli_fname, "libcairn"))
        FAIL("%s comes from %s", name, info.dli_fname);
}

static void every_name_is_cairns(void)
{
    only_on_cairn("glibc's names are glibc's");
    const char *path = getenv("C_TESTS_EXPORTS");
    REQUIRE(path != NULL);
    FILE *list = fopen(path, "r");
    REQUIRE(list != NULL);
    char name[128];
    size_t count = 0;
    while (fgets(name, sizeof name, list)) {
        name[strcspn(name, "\n")] = 0;
        if (name[0] && name[0] != '#') {
            require_in_cairn(name);
            count++;
        }
    }
    REQUIRE(count >= 45); // the whole family, not an empty list
}

static void strdup_and_realpath_are_glibcs_and_use_our_heap(void)
{
    Dl_info info;
    REQUIRE(dladdr(dlsym(RTLD_DEFAULT, "strdup"), &info) && strstr(info.dli_fname, "libc.so"));
    char *copy = strdup("a string that is long enough to need a block");
    REQUIRE(copy && malloc_usable_size(copy) >= strlen(copy) + 1);
    free(copy);
    char *path = realpath("/proc/self", NULL);
    REQUIRE(path && path[0] == '/');
    free(path);
    char *line = NULL;
    REQUIRE(asprintf(&line, "%d", 42) == 2);
    line = realloc(line, 5000);
    REQUIRE(line && strcmp(line, "42") == 0);
    free(line);
}

// The block of an alias must be a block to the plain names too.
static void require_same_heap(void *block, size_t size_bytes)
{
    REQUIRE(block && (uintptr_t)block % 16 == 0);
    REQUIRE(malloc_usable_size(block) >= size_bytes);
    fill_block(block, size_bytes, 5);
    block = realloc(block, size_bytes * 3);
    REQUIRE(block != NULL);
    require_filled(block, size_bytes, 5);
    free(block);
}

static void libc_malloc(void)
{
    void *(*function)(size_t) = named_function("__libc_malloc");
    require_same_heap(function(100), 100);
    require_same_heap(function(1000000), 1000000);
}

static void libc_calloc(void)
{
    void *(*function)(size_t, size_t) = named_function("__libc_calloc");
    unsigned char *block = function(25, 4);
    REQUIRE(block != NULL);
    require_zero(block, 100);
    require_same_heap(block, 100);
}

static void libc_realloc(void)
{
    void *(*function)(void *, size_t) = named_function("__libc_realloc");
    void *block = malloc(50);
    fill_block(block, 50, 6);
    block = function(block, 5000);
    REQUIRE(block != NULL);
    require_filled(block, 50, 6);
    require_same_heap(block, 5000);
    require_same_heap(function(NULL, 100), 100);
}

static void libc_free(void)
{
    void (*function)(void *) = named_function("__libc_free");
    function(malloc(100));
    function(malloc(1000000));
    function(NULL);
}

static void libc_memalign(void)
{
    void *(*function)(size_t, size_t) = named_function("__libc_memalign");
    void *block = function(256, 100);
    REQUIRE((uintptr_t)block % 256 == 0);
    require_same_heap(block, 100);
}

static void libc_valloc_and_pvalloc(void)
{
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    void *(*page_aligned)(size_t) = named_function("__libc_valloc");
    void *block = page_aligned(100);
    REQUIRE((uintptr_t)block % page_bytes == 0);
    require_same_heap(block, 100);
    page_aligned = named_function("__libc_pvalloc");
    block = page_aligned(100);
    REQUIRE((uintptr_t)block % page_bytes == 0);
    REQUIRE(malloc_usable_size(block) >= page_bytes);
    require_same_heap(block, 100);
}

static void libc_cfree(void)
{
    void (*function)(void *) = named_function("__libc_cfree");
    function(malloc(100));
    function(NULL);
}

static void plain_cfree(void)
{
    void (*function)(void *) = named_function("cfree");
    errno = 1234;
    function(malloc(100));
    function(NULL);
    REQUIRE(errno == 1234);
}

static void underscore_posix_memalign(void)
{
    int (*function)(void **, size_t, size_t) = named_function("__posix_memalign");
    void *block = NULL;
    REQUIRE(function(&block, 128, 100) == 0);
    REQUIRE((uintptr_t)block % 128 == 0);
    require_same_heap(block, 100);
    REQUIRE(function(&block, 3, 100) == EINVAL);
}

DEFINE_TABLE(names_checks, CHECK(every_name_is_cairns),
             CHECK(strdup_and_realpath_are_glibcs_and_use_our_heap), CHECK(libc_malloc),
             CHECK(libc_calloc), CHECK(libc_realloc), CHECK(libc_free), CHECK(libc_memalign),
             CHECK(libc_valloc_and_pvalloc), CHECK(libc_cfree), CHECK(plain_cfree),
             CHECK(underscore_posix_memalign));
