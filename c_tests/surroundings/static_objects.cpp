// Objects that live before main and after it, in an order that the C++ runtime decides: their
// constructors allocate, their destructors free, and so do atexit handlers between them. The output
// is static_objects.output, on any heap.

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace
{

struct Announced {
    explicit Announced(const char *name) : name(name), numbers(10000, 7)
    {
        std::printf("made %s\n", this->name.c_str());
    }
    ~Announced()
    {
        numbers.resize(50000, 7);
        long sum = 0;
        for (int number : numbers)
            sum += number;
        std::printf("unmade %s, sum %ld\n", name.c_str(), sum);
    }
    std::string name;
    std::vector<int> numbers;
};

Announced first("the first object with a name that needs a block");
std::map<int, std::unique_ptr<std::string>> table;
Announced second("the second object with a name that needs a block");

thread_local Announced of_thread("an object of a thread");

void at_exit()
{
    auto block = std::make_unique<std::string>(1000, 'x');
    std::printf("atexit handler with %zu bytes\n", block->size());
}

} // namespace

int main()
{
    std::atexit(at_exit);
    for (int i = 0; i < 1000; i++)
        table[i * 7919 % 1000] = std::make_unique<std::string>(i, 'y');
    static Announced third("a static object inside main");
    std::thread([] { std::printf("thread has %s\n", of_thread.name.c_str()); }).join();
    std::printf("main ends with %zu entries\n", table.size());
    return 0;
}
