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
}

static void check_wrong(void)
{
    static const char *const wrong[] = {
        "",           "plain:",  "exec:",     ":80",       "host:", "host:x",
        "host:65536", "host:-1", "host:080",  "host: 80",  "::1",   "::1:80",
        "a:b:c",      "[::1",    "[::1]80",   "[::1]x",    "[]",    "[]:80",
        "plain:::1",  "a b",     "./socket",  "user@host", "a\nb",  "plain:/path",
        "host:80:80", "[::1]:",  "plain::80",
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
    memset(host, 'a', sizeof host);
    host[255] = '\0';
    CHECK(address_parse(host, &address) == NULL);
    host[255] = 'a';
    host[256] = '\0';
    CHECK(address_parse(host, &address) != NULL);
}

int main(void)
{
    check_good();
    check_wrong();
    return 0;
}
