// A derived object is deleted as if it were its smaller base, with the base's size.
// cairn: wrong-size block=200 at=BUG alloc=ALLOC
// valgrind: none

struct Base {
    char bytes[40];
};

struct Derived : Base {
    char more[160];
};

int main()
{
    Base *object = new Derived; // ALLOC
    delete object; // BUG
    return 0;
}
