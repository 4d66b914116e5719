// A C++ program as people write them: RAII, smart pointers, containers, over-aligned types,
// threads. The output is user_cpp.output, on any heap.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace
{

struct alignas(128) CacheLines {
    long values[16] = {};
};

struct Node {
    explicit Node(int number) : number(number)
    {
        alive++;
    }
    ~Node()
    {
        alive--;
    }
    int number;
    std::vector<std::shared_ptr<Node>> children;
    std::weak_ptr<Node> parent;
    static int alive;
};
int Node::alive = 0;

std::shared_ptr<Node> tree(int depth)
{
    auto node = std::make_shared<Node>(depth);
    for (int i = 0; depth > 0 && i < 4; i++) {
        node->children.push_back(tree(depth - 1));
        node->children.back()->parent = node;
    }
    return node;
}

void smart_pointers()
{
    auto root = tree(6);
    std::printf("nodes alive: %d\n", Node::alive);
    root->children.resize(1);
    std::printf("nodes alive after pruning: %d\n", Node::alive);
    root.reset();
    std::printf("nodes alive at the end: %d\n", Node::alive);
    std::unique_ptr<int[]> numbers(new int[1000]);
    std::iota(numbers.get(), numbers.get() + 1000, 0);
    std::printf("sum %d\n", std::accumulate(numbers.get(), numbers.get() + 1000, 0));
}

void containers()
{
    std::map<std::string, std::vector<int>> by_name;
    std::unordered_map<int, std::string> by_number;
    std::deque<std::string> queue;
    std::list<int> list;
    for (int i = 0; i < 20000; i++) {
        std::string name =
            "a name that is too long for the string itself " + std::to_string(i % 500);
        by_name[name].push_back(i);
        by_number[i] = name;
        queue.push_back(name);
        if (i % 3 == 0)
            queue.pop_front();
        list.push_front(i);
    }
    list.sort();
    for (int i = 0; i < 20000; i += 2)
        by_number.erase(i);
    std::printf("%zu names, %zu numbers, %zu queued, list from %d to %d\n", by_name.size(),
                by_number.size(), queue.size(), list.front(), list.back());
}

void over_aligned()
{
    auto one = std::make_unique<CacheLines>();
    std::vector<CacheLines> many(100);
    bool aligned = reinterpret_cast<std::uintptr_t>(one.get()) % 128 == 0;
    for (const CacheLines &lines : many)
        aligned = aligned && reinterpret_cast<std::uintptr_t>(&lines) % 128 == 0;
    std::printf("over-aligned objects are %s\n", aligned ? "aligned" : "not aligned");
}

void threads()
{
    std::vector<std::vector<std::string>> results(4);
    std::vector<std::thread> workers;
    for (auto &result : results)
        workers.emplace_back([&result] {
            for (int i = 0; i < 20000; i++)
                result.push_back(std::string(i % 200, 'z'));
        });
    for (auto &worker : workers)
        worker.join();
    std::size_t length = 0;
    for (const auto &result : results)
        for (const auto &text : result)
            length += text.size();
    std::printf("the threads made %zu characters\n", length);
}

} // namespace

int main()
{
    smart_pointers();
    containers();
    over_aligned();
    threads();
    return 0;
}
