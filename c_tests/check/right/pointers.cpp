// shared_ptr, weak_ptr, unique_ptr and make_shared; multiple and virtual inheritance.

#include <memory>
#include <vector>

struct First {
    long one = 1;
    virtual ~First() = default;
};

struct Second {
    long two = 2;
    virtual ~Second() = default;
};

struct Both : First, Second {
    std::vector<int> numbers = std::vector<int>(10);
};

struct Diamond : virtual Both {
    std::weak_ptr<Diamond> self;
};

int main()
{
    std::vector<std::shared_ptr<Diamond>> all;
    for (int i = 0; i < 100; i++) {
        all.push_back(i % 2 ? std::make_shared<Diamond>() : std::shared_ptr<Diamond>(new Diamond));
        all.back()->self = all.back();
    }
    std::unique_ptr<Second> second(new Both); // its address is not the block's
    std::unique_ptr<Both[]> array(new Both[7]); // nor is this one: the count comes first
    std::shared_ptr<Second> other = all[3];
    all.clear();
    return other.use_count() != 1 || array[6].numbers.size() != 10 || second->two != 2;
}
