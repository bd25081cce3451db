#include "daemon/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum {
    PAUSE_MS = 10, /* before something is tried again that failed for want of something */
};

/* The control message that carries one descriptor (cmsg(3)). */
union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int channel_open(int *ret_parent, int *ret_worker)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    *ret_parent = pair[0];
    *ret_worker = pair[1];
    return 0;
}

int channel_order(int parent, const struct order *order)
{
    union control control = {.bytes = {0}};
    struct order sent;
    struct iovec bytes = {.iov_base = &sent, .iov_len = sizeof sent};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

    /* No byte of ours travels between the members. */
    memset(&sent, 0, sizeof sent);
    sent.what = order->what;
    sent.session = order->session;
    sent.kind = order->kind;
    if (order->what == ORDER_SERVE) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &order->connection, sizeof(int));
    }
    if (sendmsg(parent, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    if (errno == ECONNRESET || errno == ENOTCONN)
        errno = EPIPE;
    return -1;
}

void channel_await(int worker)
{
    struct pollfd polled = {.fd = worker, .events = POLLIN};

    while (poll(&polled, 1, -1) < 0)
        continue;
}

void channel_receive(int worker, struct order *ret)
{
    union control control;
    struct iovec bytes = {.iov_base = ret, .iov_len = sizeof *ret};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got = 0;

    /* All but the end passes: a want of memory, or a signal. */
    while ((got = recvmsg(worker, &message, MSG_CMSG_CLOEXEC)) < 0 && errno != ENOTCONN) {
        if (errno != EINTR)
            (void)poll(NULL, 0, PAUSE_MS);
    }
    if (got != (ssize_t)sizeof *ret) {
        *ret = (struct order){.what = ORDER_STOP, .connection = -1};
        return;
    }
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    ret->connection = -1;
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(&ret->connection, CMSG_DATA(header), sizeof(int));
}

void channel_report_end(int worker, uint64_t session)
{
    ssize_t sent = 0;

    do
        sent = send(worker, &session, sizeof session, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
}

bool channel_is_ready(int parent)
{
    struct pollfd polled = {.fd = parent, .events = POLLOUT};

    return poll(&polled, 1, 0) > 0;
}

int channel_next_end(int parent, uint64_t *ret_session)
{
    ssize_t got = recv(parent, ret_session, sizeof *ret_session, MSG_DONTWAIT);

    if (got == (ssize_t)sizeof *ret_session)
        return 1;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}
