// A new-handler that frees a reserve and so lets the request succeed, in a process whose memory has
// an end.

#include "../checks.h"

#include <cstdlib>
#include <new>
#include <sys/resource.h>
#include <vector>

namespace
{

const std::size_t MIB = 1024 * 1024;

char *reserve;
int handler_calls;

void give_the_reserve()
{
    handler_calls++;
    if (!reserve)
        throw std::bad_alloc();
    std::free(reserve);
    reserve = nullptr;
}

void limit_memory()
{
    struct rlimit limit = {600 * MIB, 600 * MIB};
    REQUIRE(setrlimit(RLIMIT_DATA, &limit) == 0);
}

void a_handler_that_frees_lets_the_request_succeed()
{
    limit_memory();
    reserve = static_cast<char *>(std::malloc(300 * MIB));
    REQUIRE(reserve != nullptr);
    reserve[0] = 1;
    std::set_new_handler(give_the_reserve);
    char *block = static_cast<char *>(opaque_pointer(::operator new(400 * MIB)));
    block[0] = block[400 * MIB - 1] = 1;
    REQUIRE(handler_calls == 1);
    ::operator delete(block);
}

// Takes megabytes until there are no more; the containers must come out of it whole.
void a_container_survives_bad_alloc()
{
    limit_memory();
    std::vector<std::vector<char>> blocks;
    bool thrown = false;
    try {
        for (;;)
            blocks.emplace_back(MIB, 'x');
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    REQUIRE(thrown && blocks.size() > 300 && blocks.size() < 600);
    for (const auto &block : blocks)
        REQUIRE(block.size() == MIB && block[0] == 'x' && block[MIB - 1] == 'x');
    blocks.clear();
    std::vector<char> again(200 * MIB, 'y');
    REQUIRE(again.back() == 'y');
}

const struct check table[] = {
    CHECK(a_handler_that_frees_lets_the_request_succeed),
    CHECK(a_container_survives_bad_alloc),
};

} // namespace

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
