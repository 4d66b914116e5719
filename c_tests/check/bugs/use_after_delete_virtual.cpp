// A virtual function of a deleted object is called: the table of functions is read from the block.
// guarded: invalid-read size=8 block=16 where=inside:0 at=BUG alloc=ALLOC free=FREE
// unguarded: poison-pointer block=16 at=BUG alloc=ALLOC free=FREE
// valgrind: invalid-read size=8 block=16 where=inside:0 at=BUG alloc=ALLOC free=FREE
// some

struct Shape {
    long size = 1;
    virtual long area()
    {
        return size;
    }
    virtual ~Shape() = default; // FREE
};

int main()
{
    Shape *shape = new Shape; // ALLOC
    delete shape;
    return shape->area() < 0; // BUG
}
