// The first element behind an array made with new[].
// guarded: invalid-write size=4 block=80 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=80 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=4 block=80 where=after:0 at=BUG alloc=ALLOC

int main()
{
    int *array = new int[20]; // ALLOC
    array[20] = 1; // BUG
    delete[] array; // FREE
    return 0;
}
