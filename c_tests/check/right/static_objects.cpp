// Objects that are made before main and freed after it, in functions and in threads too.

#include <memory>
#include <string>
#include <thread>
#include <vector>

static std::vector<std::string> names(20, std::string(100, 'x'));
static std::shared_ptr<std::string> shared = std::make_shared<std::string>(200, 'y');
thread_local std::string own(300, 'z');

static std::vector<int> &numbers()
{
    static std::vector<int> all(1000);
    return all;
}

struct Late {
    ~Late()
    {
        names.assign(5, *shared);
    }
};

static Late late;

int main()
{
    std::thread([] { own += "more"; }).join();
    own += "more";
    numbers().push_back(1);
    return 0;
}
