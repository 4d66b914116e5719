// An array made with new[] is released with delete.
// found: mismatched-free block=80 at=BUG alloc=ALLOC

int main()
{
    long *array = new long[10]; // ALLOC
    delete array; // BUG
    return 0;
}
