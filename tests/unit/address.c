#include "protocol/address.h"

#include <stdbool.h>
#include <string.h>

#include "tests/unit/check.h"

static bool is_host(const char *text, enum address_kind kind, const char *host, const char *port)
{
    struct address address;
    return address_parse(text, &address) == NULL && address.kind == kind && address.text == text &&
           strcmp(address.host, host) == 0 && strcmp(address.port, port) == 0;
}

static bool is_rest(const char *text, enum address_kind kind, const char *rest)
{
    struct address address;
    return address_parse(text, &address) == NULL && address.kind == kind &&
           strcmp(address.rest, rest) == 0;
}

static void check_good(void)
{
    CHECK(is_rest("/run/fsd/fsd.sock", ADDRESS_UNIX, "/run/fsd/fsd.sock"));
    CHECK(is_rest("/a:b [c]", ADDRESS_UNIX, "/a:b [c]"));
    CHECK(is_rest("exec:ssh backup1 fsd --stdio", ADDRESS_EXEC, "ssh backup1 fsd --stdio"));
    CHECK(is_host("backup1", ADDRESS_TLS, "backup1", "7373"));
    CHECK(is_host("backup1:80", ADDRESS_TLS, "backup1", "80"));
    CHECK(is_host("[::1]", ADDRESS_TLS, "::1", "7373"));
    CHECK(is_host("[::1]:65535", ADDRESS_TLS, "::1", "65535"));
    CHECK(is_host("[host]:1", ADDRESS_TLS, "host", "1"));
    CHECK(is_host("plain:127.0.0.1", ADDRESS_PLAIN, "127.0.0.1", "7373"));
    CHECK(is_host("plain:127.0.0.1:0", ADDRESS_PLAIN, "127.0.0.1", "0"));
    CHECK(is_host("plain:[::1]:7373", ADDRESS_PLAIN, "::1", "7373"));
    CHECK(is_host("ssh://backup1", ADDRESS_SSH, "backup1", ""));
    CHECK(is_host("ssh://backup1/", ADDRESS_SSH, "backup1", ""));
    CHECK(is_rest("ssh://backup1/", ADDRESS_SSH, ""));
    CHECK(is_host("ssh://keeper@backup1:2222", ADDRESS_SSH, "keeper@backup1", "2222"));
    CHECK(is_host("ssh://a@b.org@[::1]:22/srv", ADDRESS_SSH, "a@b.org@::1", "22"));
    CHECK(is_host("ssh://[fe80::1%eth0]", ADDRESS_SSH, "fe80::1%eth0", ""));
    CHECK(is_rest("ssh://keeper@[::1]/srv/it's \\ \"%20\"@x:1", ADDRESS_SSH,
                  "/srv/it's \\ \"%20\"@x:1"));
}

static void check_wrong(void)
{
    static const char *const wrong[] = {
        "",           "plain:",     "exec:",         ":80",        "host:",
        "host:x",     "host:65536", "host:-1",       "host:080",   "host: 80",
        "::1",        "::1:80",     "a:b:c",         "[::1",       "[::1]80",
        "[::1]x",     "[]",         "[]:80",         "plain:::1",  "a b",
        "./socket",   "user@host",  "a\nb",          "a\x01",      "a#b",
        "$h",         "h;id",       "plain",         "Exec:7373",  "plain:/path",
        "host:80:80", "[::1]:",     "plain::80",     "ssh://",     "ssh:///srv",
        "ssh://-x",   "ssh://-x@h", "ssh://@h",      "ssh://u@",   "ssh://u@-h",
        "ssh://h:",   "ssh://h:x",  "ssh://h:65536", "ssh://::1",  "ssh://[::1",
        "ssh://h;id", "ssh://$h",   "ssh://a b",     "ssh://u'@h", "ssh://h/a\nb",
        "ssh://h\t",  "ssh:h",      "ssh:/h",        "SSH://h",
    };
    struct address address;
    char path[200];
    char host[300];

    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK(address_parse(wrong[i], &address) != NULL);
    /* The longest path of a Unix socket has 107 bytes. */
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[107] = '\0';
    CHECK(address_parse(path, &address) == NULL);
    path[107] = 'a';
    path[108] = '\0';
    CHECK(address_parse(path, &address) != NULL);
    for (size_t length = 4096; length <= 4097; length++) {
        char longest[5000] = "ssh://h/";
        memset(longest + 8, 'a', length - 2);
        CHECK((address_parse(longest, &address) == NULL) == (length == 4096));
    }
    memset(host, 'a', sizeof host);
    host[255] = '\0';
    CHECK(address_parse(host, &address) == NULL);
    host[255] = 'a';
    host[256] = '\0';
    CHECK(address_parse(host, &address) != NULL);
}

static void check_networks(void)
{
    static const char *const wrong[] = {
        "",
        "host",
        "10.0.0",
        "10.0.0.1/",
        "10.0.0.1/33",
        "10.0.0.1/-1",
        "10.0.0.1/x",
        "2001:db8::1",
        "2001:db8::/65",
        "2001:db8::/15",
        "::1/64",
        "::/16",
        "::ffff:10.0.0.1",
        "[2001:db8::]/64",
        "10.0.0.1/08",
        "/8",
        "::1%lo",
        "2001:db8::/",
    };
    struct address_network network;

    CHECK(address_parse_network("192.0.2.1", &network) == NULL && network.bits == 32);
    CHECK(!network.is_ipv6 && network.v4.s_addr == htonl(0xc0000201));
    CHECK(address_parse_network("0.0.0.0/0", &network) == NULL && network.bits == 0);
    CHECK(address_parse_network("2001:db8::/32", &network) == NULL && network.bits == 32);
    CHECK(network.is_ipv6 && network.v6.s6_addr[1] == 1 && network.v6.s6_addr[3] == 0xb8);
    CHECK(address_parse_network("::1", &network) == NULL && network.bits == 64 && network.is_ipv6);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK(address_parse_network(wrong[i], &network) != NULL);
}

int main(void)
{
    check_good();
    check_wrong();
    check_networks();
    return 0;
}
