// A plug-in that is opened with RTLD_DEEPBIND and so calls glibc's own malloc, even when Cairn is
// preloaded.

#include <stdlib.h>

void *plugin_block(size_t size_bytes);

void *plugin_block(size_t size_bytes)
{
    return malloc(size_bytes);
}
