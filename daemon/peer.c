#include "daemon/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "protocol/address.h"

/*
 * The upper half of a number, the lower one being a uid, an IPv4 address or a part of a fingerprint.
 * The number of an IPv6 network is the first half of its addresses: none that is in use begins like
 * these.
 */
enum {
    HEAD_UNKNOWN,
    HEAD_USER,
    HEAD_IPV4,
    HEAD_LOOPBACK, /* ::1 */
    HEAD_KEY,      /* and the first bytes of its fingerprint */
};

static uint64_t make_number(unsigned head, uint32_t rest)
{
    return (uint64_t)head << 32 | rest;
}

static uint64_t number_of_ipv6(const struct in6_addr *address)
{
    uint32_t v4 = 0;
    uint64_t network = 0;

    if (IN6_IS_ADDR_LOOPBACK(address))
        return make_number(HEAD_LOOPBACK, 0);
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        memcpy(&v4, address->s6_addr + 12, sizeof v4);
        return make_number(HEAD_IPV4, ntohl(v4));
    }
    for (size_t i = 0; i < sizeof network; i++)
        network = network << 8 | address->s6_addr[i];
    return network;
}

struct peer peer_at(int connection, const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;
    struct in_addr mapped;
    struct ucred user;
    socklen_t length = sizeof user;
    struct peer peer = {.kind = PEER_UNKNOWN};

    switch (address->ss_family) {
    case AF_INET:
        peer.kind = PEER_ADDRESS;
        peer.number = make_number(HEAD_IPV4, ntohl(v4->sin_addr.s_addr));
        (void)inet_ntop(AF_INET, &v4->sin_addr, peer.address, sizeof peer.address);
        break;
    case AF_INET6:
        peer.kind = PEER_ADDRESS;
        peer.number = number_of_ipv6(&v6->sin6_addr);
        memcpy(&mapped, v6->sin6_addr.s6_addr + 12, sizeof mapped);
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
            (void)inet_ntop(AF_INET, &mapped, peer.address, sizeof peer.address);
        else
            (void)inet_ntop(AF_INET6, &v6->sin6_addr, peer.address, sizeof peer.address);
        break;
    case AF_UNIX:
        if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &user, &length) < 0)
            break;
        peer.kind = PEER_USER;
        peer.number = make_number(HEAD_USER, user.uid);
        peer.uid = user.uid;
        peer.gid = user.gid;
        break;
    default:
        break;
    }
    return peer;
}

struct peer peer_find(int connection)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof address;

    if (getpeername(connection, (struct sockaddr *)&address, &length) < 0)
        return (struct peer){.kind = PEER_UNKNOWN};
    return peer_at(connection, &address);
}

const char *peer_address(const struct peer *peer)
{
    return peer->address[0] != '\0' ? peer->address : NULL;
}

uint64_t peer_number_of_key(const struct fingerprint *key)
{
    const uint8_t *bytes = key->bytes;

    return make_number(HEAD_KEY, (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
                                     (uint32_t)bytes[2] << 8 | bytes[3]);
}

size_t peer_groups(int connection, gid_t *ret, size_t room)
{
    socklen_t length = (socklen_t)(room * sizeof *ret);

    /* When there is too little room, it only says how much is needed. */
    if (getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, ret, &length) < 0 && errno != ERANGE)
        return 0;
    return length / sizeof *ret;
}

bool peer_is_in(const struct peer *peer, const struct setting_list *networks)
{
    for (size_t i = 0; peer->kind == PEER_ADDRESS && i < networks->count; i++) {
        struct address_network network;
        (void)address_parse_network(networks->texts[i], &network);
        uint64_t number = network.is_ipv6 ? number_of_ipv6(&network.v6)
                                          : make_number(HEAD_IPV4, ntohl(network.v4.s_addr));
        unsigned rest = (network.is_ipv6 ? 64 : 32) - network.bits;
        if ((peer->number ^ number) >> rest == 0)
            return true;
    }
    return false;
}

const char *peer_describe(uint64_t number, char text[PEER_ROOM])
{
    uint32_t rest = (uint32_t)number;
    struct in6_addr network = {.s6_addr = {0}};
    struct in_addr address = {.s_addr = htonl(rest)};
    struct fingerprint key = {.bytes = {0}};
    char fingerprint[FINGERPRINT_ROOM];

    switch (number >> 32) {
    case HEAD_UNKNOWN:
        return "unknown";
    case HEAD_USER:
        (void)snprintf(text, PEER_ROOM, "uid %lu", (unsigned long)rest);
        return text;
    case HEAD_IPV4:
        return inet_ntop(AF_INET, &address, text, PEER_ROOM);
    case HEAD_LOOPBACK:
        return "::1";
    case HEAD_KEY:
        memcpy(key.bytes, &address.s_addr, sizeof address.s_addr);
        (void)snprintf(text, PEER_ROOM, "key %.12s...", fingerprint_print(&key, fingerprint));
        return text;
    default:
        for (unsigned i = 0; i < sizeof number; i++)
            network.s6_addr[i] = (uint8_t)(number >> (56 - 8 * i));
        (void)inet_ntop(AF_INET6, &network, text, PEER_ROOM);
        (void)strncat(text, "/64", PEER_ROOM - strlen(text) - 1);
        return text;
    }
}
