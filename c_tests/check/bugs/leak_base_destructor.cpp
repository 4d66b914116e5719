// The base has no virtual destructor: what the derived class owns is lost with the delete.
// leak: definite bytes=50 blocks=1

#include <string>

struct Base {
    long number = 1;
};

struct Derived : Base {
    std::string text = std::string(49, 'x');
};

static void work()
{
    Base *object = new Derived;
    ::operator delete(static_cast<void *>(object));
}

int main()
{
    work();
    return 0;
}
