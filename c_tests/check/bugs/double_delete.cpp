// An object is deleted twice.
// found: double-free block=8 at=BUG alloc=ALLOC free=FREE

int main()
{
    long *object = new long(1); // ALLOC
    delete object; // FREE
    delete object; // BUG
    return 0;
}
