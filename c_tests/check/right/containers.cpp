// Strings, vectors, maps, functions and streams of the C++ library.

#include <algorithm>
#include <deque>
#include <functional>
#include <iostream>
#include <list>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

int main()
{
    std::map<std::string, std::vector<int>> map;
    std::unordered_map<int, std::string> table;
    std::multiset<std::string> set;
    std::deque<std::string> queue;
    std::list<std::vector<std::string>> list;
    std::vector<bool> bits;
    for (int i = 0; i < 2000; i++) {
        std::string key = "key number " + std::to_string(i * 7919 % 500);
        map[key].push_back(i);
        table[i] = key + key;
        set.insert(key);
        queue.push_front(key);
        if (queue.size() > 100)
            queue.pop_back();
        list.emplace_back(3, key);
        bits.push_back(i % 3 == 0);
    }
    std::ostringstream stream;
    for (const auto &[key, numbers] : map)
        stream << key << ' ' << numbers.size() << '\n';
    std::vector<std::string> sorted(queue.begin(), queue.end());
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    sorted.shrink_to_fit();
    std::function<int(int)> add = [map, stream_size = stream.str().size()](int number) {
        return number + static_cast<int>(map.size() + stream_size);
    };
    std::cout << add(1) << ' ' << sorted.size() << ' ' << list.size() << '\n';
    return 0;
}
