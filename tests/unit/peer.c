#include "daemon/peer.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/check.h"

/* The peer at the far end of a connection over a loopback address of this family. */
static bool find_at(int family, struct peer *ret)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t length = family == AF_INET ? sizeof v4 : sizeof v6;
    int listening = socket(family, SOCK_STREAM, 0);
    int client = socket(family, SOCK_STREAM, 0);
    bool is_there = bind(listening, address, length) == 0;

    if (is_there) {
        CHECK(listen(listening, 1) == 0 && getsockname(listening, address, &length) == 0);
        CHECK(connect(client, address, length) == 0);
        int accepted = accept(listening, NULL, NULL);
        CHECK(accepted >= 0);
        *ret = peer_find(accepted);
        CHECK(close(accepted) == 0);
    }
    (void)close(client);
    (void)close(listening);
    return is_there;
}

static void check_found(void)
{
    char text[PEER_ROOM];
    char wanted[PEER_ROOM];
    struct peer peer;
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    peer = peer_find(pair[0]);
    CHECK(peer.kind == PEER_USER && peer.uid == geteuid() && peer.gid == getegid());
    (void)snprintf(wanted, sizeof wanted, "uid %lu", (unsigned long)geteuid());
    CHECK(strcmp(peer_describe(peer.number, text), wanted) == 0);
    gid_t groups[65536];
    int count = getgroups(65536, groups);
    CHECK(count >= 0 && peer_groups(pair[0], groups, 65536) == (size_t)count);
    /* With too little room it only says how many there are. */
    CHECK(peer_groups(pair[0], groups, 0) == (size_t)count);
    CHECK(close(pair[0]) == 0 && close(pair[1]) == 0);

    CHECK(find_at(AF_INET, &peer) && peer.kind == PEER_ADDRESS);
    CHECK(strcmp(peer_describe(peer.number, text), "127.0.0.1") == 0);
    if (find_at(AF_INET6, &peer))
        CHECK(strcmp(peer_describe(peer.number, text), "::1") == 0);
    peer = peer_find(STDIN_FILENO);
    if (peer.kind == PEER_UNKNOWN)
        CHECK(strcmp(peer_describe(peer.number, text), "unknown") == 0);
}

/* Of an IPv6 address the network counts. */
static void check_network(void)
{
    char text[PEER_ROOM];

    CHECK(strcmp(peer_describe(UINT64_C(0x20010db812340001), text), "2001:db8:1234:1::/64") == 0);
    CHECK(strcmp(peer_describe(UINT64_C(0xfd00000000000000), text), "fd00::/64") == 0);
}

static bool is_in(uint64_t number, const char *network)
{
    const struct peer peer = {.kind = PEER_ADDRESS, .number = number};
    const struct setting_list networks = {.count = 1, .texts = {network}};

    return peer_is_in(&peer, &networks);
}

static void check_membership(void)
{
    const struct peer user = {.kind = PEER_USER, .number = UINT64_C(0x17f000001)};
    const struct setting_list everything = {.count = 2, .texts = {"0.0.0.0/0", "2000::/16"}};
    struct peer peer;

    CHECK(find_at(AF_INET, &peer) && is_in(peer.number, "127.0.0.1"));
    CHECK(is_in(peer.number, "0.0.0.0/0") && is_in(peer.number, "127.0.0.0/31"));
    CHECK(!is_in(peer.number, "127.0.0.2") && !is_in(peer.number, "::1"));
    CHECK(!peer_is_in(&user, &everything));
    CHECK(is_in(UINT64_C(0x20010db812340001), "2001:db8:1234:1::/64"));
    CHECK(is_in(UINT64_C(0x20010db812340001), "2001:db8::/32"));
    CHECK(!is_in(UINT64_C(0x20010db812340001), "2001:db8:1234:2::/64"));
    CHECK(!is_in(UINT64_C(0x20010db812340001), "2001:db9::/32"));
    if (find_at(AF_INET6, &peer))
        CHECK(is_in(peer.number, "::1") && !is_in(peer.number, "0.0.0.0/0"));
}

int main(void)
{
    check_found();
    check_network();
    check_membership();
    return EXIT_SUCCESS;
}
