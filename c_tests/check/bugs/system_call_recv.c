// recv(2), recvfrom(2), recvmsg(2) get a block that is freed.
// runs: recv recvfrom recvmsg recvmmsg
// guarded: system-call block=4096 where=inside:0 at=BUG alloc=ALLOC free=FREE
// unguarded: system-call block=4096 where=inside:0 at=BUG alloc=ALLOC free=FREE
// unguarded: write-after-free block=4096 where=inside:0 alloc=ALLOC free=FREE
// valgrind: system-call block=4096 where=inside:0 at=BUG alloc=ALLOC free=FREE

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const char *call = argc > 1 ? argv[1] : "recv";
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || write(pair[1], "hello", 5) != 5)
        return 2;
    char *block = malloc(4096); // ALLOC
    free(block); // FREE
    struct iovec part = {block, 5};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
    // One line, so that all calls have it.
    // clang-format off
    if (!strcmp(call, "recv")) recv(pair[0], block, 5, 0); else if (!strcmp(call, "recvfrom")) recvfrom(pair[0], block, 5, 0, NULL, NULL); else if (!strcmp(call, "recvmsg")) recvmsg(pair[0], &message.msg_hdr, 0); else recvmmsg(pair[0], &message, 1, 0, NULL); // BUG
    // clang-format on
    return 0;
}
