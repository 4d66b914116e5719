// send(2), sendto(2), sendmsg(2) are told that a block is longer than it is.
// runs: send sendto sendmsg sendmmsg
// found: system-call block=60 where=after:0 at=BUG alloc=ALLOC

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const char *call = argc > 1 ? argv[1] : "send";
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return 2;
    char *block = calloc(1, 60); // ALLOC
    struct iovec part = {block, 64};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
    // One line, so that all calls have it.
    // clang-format off
    if (!strcmp(call, "send")) send(pair[0], block, 64, 0); else if (!strcmp(call, "sendto")) sendto(pair[0], block, 64, 0, NULL, 0); else if (!strcmp(call, "sendmsg")) sendmsg(pair[0], &message.msg_hdr, 0); else sendmmsg(pair[0], &message, 1, 0); // BUG
    // clang-format on
    free(block);
    return 0;
}
