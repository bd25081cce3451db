#include "protocol/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

enum {
    KEEP_IDLE_S = 30,
    KEEP_INTERVAL_S = 10,
    KEEP_COUNT = 3,
};

bool socket_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *v6 = (const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

void socket_tune(int fd)
{
    const int on = 1;
    const int idle = KEEP_IDLE_S;
    const int interval = KEEP_INTERVAL_S;
    const int count = KEEP_COUNT;
    int domain = 0;
    socklen_t length = sizeof domain;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 || domain == AF_UNIX)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}
