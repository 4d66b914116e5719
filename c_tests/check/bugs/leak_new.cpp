// An object that owns another one, without a destructor that says so.
// leak: definite bytes=16 blocks=1 indirect=80 alloc=OWNER
// leak: indirect bytes=80 blocks=1 alloc=OWNED

struct Owner {
    long *owned;
    long size = 10;
    Owner()
    {
        owned = new long[10]; // OWNED
    }
};

static void work()
{
    Owner *owner = new Owner; // OWNER
    owner->size = 5;
    owner = nullptr;
}

int main()
{
    work();
    return 0;
}
