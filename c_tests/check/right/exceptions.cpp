// Exceptions through many frames, with objects that own memory; rethrown, nested, kept, in threads.
// valgrind: noisy

#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static int descend(int depth)
{
    std::vector<std::string> owned(depth + 1, std::string(50, 'x'));
    if (depth == 0)
        throw std::runtime_error("the bottom of " + owned[0]);
    try {
        return descend(depth - 1) + static_cast<int>(owned.size());
    } catch (const std::logic_error &) {
        return 0;
    } catch (...) {
        if (depth % 7 == 0)
            std::throw_with_nested(std::runtime_error("at " + std::to_string(depth)));
        throw;
    }
}

static int caught()
{
    int count = 0;
    std::exception_ptr kept;
    for (int i = 0; i < 50; i++) {
        try {
            descend(i);
        } catch (const std::exception &) {
            count++;
            kept = std::current_exception();
        }
    }
    try {
        std::rethrow_exception(kept);
    } catch (const std::runtime_error &) {
        count++;
    }
    try {
        std::vector<int> huge;
        huge.reserve(huge.max_size() / 2);
    } catch (const std::bad_alloc &) {
        count++;
    }
    return count;
}

int main()
{
    std::vector<int> counts(4);
    std::vector<std::thread> threads;
    for (int &count : counts)
        threads.emplace_back([&count] { count = caught(); });
    for (std::thread &thread : threads)
        thread.join();
    for (int count : counts)
        if (count != 52)
            return 1;
    return 0;
}
