// System calls that get whole blocks, to their last byte; and pointers just behind one, for no bytes.

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
    int pair[2], pipes[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || pipe(pipes) != 0)
        return 1;
    for (size_t size = 1; size < 5000; size += size / 5 + 1) {
        char *out = malloc(size), *in = malloc(size);
        memset(out, 'x', size);
        if (write(pipes[1], out, size) != (ssize_t)size || read(pipes[0], in, size) != (ssize_t)size)
            return 2;
        if (write(pipes[1], out + size, 0) != 0)
            return 3;
        if (send(pair[0], out, size, 0) != (ssize_t)size ||
            recv(pair[1], in, size, MSG_WAITALL) != (ssize_t)size)
            return 4;
        struct iovec *vector = malloc(2 * sizeof *vector);
        vector[0] = (struct iovec){out, size};
        vector[1] = (struct iovec){out + size, 0};
        if (writev(pipes[1], vector, 2) != (ssize_t)size)
            return 5;
        vector[0].iov_base = in;
        if (readv(pipes[0], vector, 1) != (ssize_t)size)
            return 6;
        struct msghdr *message = calloc(1, sizeof *message);
        *message = (struct msghdr){.msg_iov = vector, .msg_iovlen = 1};
        if (sendmsg(pair[0], message, 0) != (ssize_t)size ||
            recvmsg(pair[1], message, MSG_WAITALL) != (ssize_t)size)
            return 7;
        free(message);
        free(vector);
        free(in);
        free(out);
    }
    struct stat *status = malloc(sizeof *status);
    struct timespec *now = malloc(sizeof *now);
    struct pollfd *polled = malloc(sizeof *polled);
    *polled = (struct pollfd){pipes[0], POLLIN, 0};
    int bad = stat("/", status) | clock_gettime(CLOCK_REALTIME, now) | poll(polled, 1, 0);
    free(polled);
    free(now);
    free(status);
    return bad;
}
