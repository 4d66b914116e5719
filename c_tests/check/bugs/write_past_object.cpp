// A method writes behind its object, which is smaller than the class it was cast to.
// guarded: invalid-write size=8 block=16 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=16 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=8 block=16 where=after:0 at=BUG alloc=ALLOC

struct Small {
    long a = 0, b = 0;
};

struct Big : Small {
    long c = 0;
    void set(long value)
    {
        c = value; // BUG
    }
};

int main()
{
    Small *object = new Small; // ALLOC
    static_cast<Big *>(object)->set(1);
    delete object; // FREE
    return 0;
}
