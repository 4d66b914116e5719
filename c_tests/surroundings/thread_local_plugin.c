// A library with thread-local storage that is opened late: the loader allocates it at a thread's
// first use, and frees it after the thread's last destructor.

static _Thread_local char storage[4096];

char *plugin_storage(void);

char *plugin_storage(void)
{
    storage[0]++;
    return storage;
}
