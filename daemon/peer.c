#include "daemon/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum {
    NETWORK_BYTES = 8, /* of an IPv6 address: /64 */
};

/* IPv4 addresses must not meet networks of IPv6: none of these begins with 32 bits that are 0. */
static struct peer peer_of_v6(const struct in6_addr *address)
{
    struct peer peer = {.kind = PEER_ADDRESS};
    uint32_t v4 = 0;

    if (IN6_IS_ADDR_V4MAPPED(address)) {
        memcpy(&v4, address->s6_addr + 12, sizeof v4);
        peer.number = ntohl(v4);
        return peer;
    }
    for (unsigned i = 0; i < NETWORK_BYTES; i++)
        peer.number = peer.number << 8 | address->s6_addr[i];
    return peer;
}

struct peer peer_of(int connection)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } address;
    socklen_t length = sizeof address;
    struct ucred user;
    socklen_t user_length = sizeof user;

    if (getpeername(connection, &address.any, &length) < 0)
        return (struct peer){.kind = PEER_UNKNOWN};
    switch (address.any.sa_family) {
    case AF_INET:
        return (struct peer){.kind = PEER_ADDRESS, .number = ntohl(address.v4.sin_addr.s_addr)};
    case AF_INET6:
        return peer_of_v6(&address.v6.sin6_addr);
    case AF_UNIX:
        if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &user, &user_length) == 0)
            return (struct peer){.kind = PEER_USER, .number = user.uid};
        break;
    default:
        break;
    }
    return (struct peer){.kind = PEER_UNKNOWN};
}

bool peer_is_same(struct peer left, struct peer right)
{
    return left.kind == right.kind && left.number == right.number;
}
