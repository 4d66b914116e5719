// An element behind an array of C++ is read, whose size is no multiple of 16: the alignment that new
// promises leaves eight bytes between its end and the guard.
// needs: watchpoints
// guarded: invalid-read size=4 block=40 where=after:0 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read size=4 block=40 where=after:0 at=BUG alloc=ALLOC

int main()
{
    int *data = new int[10]; // ALLOC
    int sum = 0;
    for (int i = 0; i < 10; i++)
        data[i] = i;
    for (int i = 0; i <= 10; i++)
        sum += data[i]; // BUG
    delete[] data;
    return sum == 1;
}
