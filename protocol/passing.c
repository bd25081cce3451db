#include "protocol/passing.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* The control message that carries descriptors (cmsg(3)). */
union control {
    char bytes[CMSG_SPACE(PASSING_MOST * sizeof(int))];
    struct cmsghdr header;
};

int passing_send(int socket, void *bytes, size_t length, const int *fds, size_t count, int flags)
{
    union control control = {.bytes = {0}};
    struct iovec part = {.iov_base = bytes, .iov_len = length};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    size_t passed = 0;
    ssize_t sent = 0;

    while (passed < count && fds[passed] >= 0)
        passed++;
    if (passed > 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(passed * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(passed * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, passed * sizeof(int));
    }
    do
        sent = sendmsg(socket, &header, flags | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

ssize_t passing_receive(int socket, void *bytes, size_t length, int *ret_fds, size_t room,
                        int flags)
{
    union control control;
    struct iovec part = {.iov_base = bytes, .iov_len = length};
    ssize_t got = 0;
    struct msghdr header;

    do {
        /* Not CMSG_SPACE(): its padding may have room for one more descriptor. */
        header = (struct msghdr){.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = CMSG_LEN(room * sizeof(int))};
        got = recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    for (size_t i = 0; i < room; i++)
        ret_fds[i] = -1;
    const struct cmsghdr *rights = got >= 0 ? CMSG_FIRSTHDR(&header) : NULL;
    if (rights != NULL && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fds, CMSG_DATA(rights), rights->cmsg_len - CMSG_LEN(0));
    return got;
}
