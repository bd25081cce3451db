#include "protocol/address.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "protocol/value.h"

static const char *skip(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static bool take(char *copy, size_t room, const char *bytes, size_t length)
{
    if (length == 0 || length >= room)
        return false;
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    return true;
}

/* host, host:port, [v6] or [v6]:port */
static const char *parse_host(const char *text, const char *port, struct address *ret)
{
    bool bracket = text[0] == '[';
    const char *host = bracket ? text + 1 : text;
    size_t length = strcspn(host, bracket ? "]" : ":");
    const char *after = host + length;
    int64_t number = 0;

    if (bracket && *after != ']')
        return "the closing bracket is missing";
    if (bracket)
        after++;
    if (!bracket && *after != '\0' && strchr(after + 1, ':') != NULL)
        return "an IPv6 address needs brackets, as in [::1]:7373";
    if (!take(ret->host, sizeof ret->host, host, length))
        return "the host is missing or too long";
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)host[i] <= ' ' ||
            strchr("\"#$&'()*,/;<=>?@[\\]^`{|}\x7f", host[i]) != NULL)
            return "the host contains an invalid character";
    }
    if (*after != '\0') {
        port = after + 1;
        if (*after != ':')
            return "only a port may follow the host";
        if (!value_number(port, strlen(port), &number) || number > 65535)
            return "the port must be a number from 0 to 65535";
    }
    (void)take(ret->port, sizeof ret->port, port, strlen(port));
    return NULL;
}

/* [user@]host[:port][/library] */
static const char *parse_ssh(const char *text, struct address *ret)
{
    char place[sizeof ret->host];
    size_t length = strcspn(text, "/");

    ret->rest = text[length] == '/' && text[length + 1] == '\0' ? "" : text + length;
    if (strlen(ret->rest) >= PATH_MAX)
        return "the path of the library is too long";
    for (const char *byte = text; *byte != '\0'; byte++) {
        bool is_place = byte < text + length;
        if ((unsigned char)*byte < ' ' || *byte == '\x7f' ||
            (is_place && strchr(" \"#$&'()*;<>?\\^`{|}", *byte) != NULL))
            return "the address contains an invalid character";
    }
    if (!take(place, sizeof place, text, length))
        return "the host is missing or too long";
    const char *at = strrchr(place, '@');
    size_t user = at != NULL ? (size_t)(at + 1 - place) : 0; /* its length with the "@" */
    const char *fault = parse_host(place + user, "", ret);
    if (fault != NULL)
        return fault;
    /* ssh would take them for options. */
    if (ret->host[0] == '-' || place[0] == '-' || place[0] == '@')
        return "neither user nor host may be empty or begin with \"-\"";
    memmove(ret->host + user, ret->host, strlen(ret->host) + 1);
    memcpy(ret->host, place, user);
    return NULL;
}

const char *address_parse(const char *text, struct address *ret)
{
    *ret = (struct address){.text = text, .rest = text};
    if (text[0] == '/') {
        ret->kind = ADDRESS_UNIX;
        if (strlen(text) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
            return "the path is too long for a Unix socket (at most 107 bytes)";
        return NULL;
    }
    const char *rest = skip(text, "exec:");
    if (rest != NULL) {
        ret->kind = ADDRESS_EXEC;
        ret->rest = rest;
        return *rest == '\0' ? "the command after exec: is missing" : NULL;
    }
    rest = skip(text, "ssh://");
    if (rest != NULL) {
        ret->kind = ADDRESS_SSH;
        return parse_ssh(rest, ret);
    }
    rest = skip(text, "plain:");
    if (rest == NULL && strstr(text, "://") != NULL)
        return "not a kind of address (HOST or HOST:PORT is TLS)";
    if (rest == NULL && strchr(text, '/') != NULL)
        return "the path of a socket must begin with a slash";
    ret->kind = rest != NULL ? ADDRESS_PLAIN : ADDRESS_TLS;
    const char *wrong = parse_host(rest != NULL ? rest : text, ADDRESS_PORT, ret);
    if (wrong == NULL && rest == NULL &&
        (strcasecmp(ret->host, "plain") == 0 || strcasecmp(ret->host, "exec") == 0))
        return "a host of this name needs its domain, because with a port it means something else";
    return wrong;
}

const char *address_parse_network(const char *text, struct address_network *ret)
{
    char host[INET6_ADDRSTRLEN] = "";
    size_t length = strcspn(text, "/");
    bool is_network = text[length] == '/';
    const char *digits = text + length + 1;
    int64_t bits = 32;

    *ret = (struct address_network){.is_ipv6 = false};
    (void)take(host, sizeof host, text, length);
    if (is_network && !value_number(digits, strlen(digits), &bits))
        return "a number must follow the slash";
    if (inet_pton(AF_INET, host, &ret->v4) == 1) {
        if (bits > 32)
            return "an IPv4 network has from 0 to 32 bits";
    } else if (inet_pton(AF_INET6, host, &ret->v6) != 1) {
        return "not an IP address, or a network such as 192.0.2.0/24";
    } else {
        bool is_loopback = !is_network && IN6_IS_ADDR_LOOPBACK(&ret->v6);
        if (is_loopback)
            bits = 64;
        /* No address of another machine begins with 16 zeros. */
        else if (!is_network || bits < 16 || bits > 64 || ret->v6.s6_addr16[0] == 0)
            return "must be an IPv6 network of from 16 to 64 bits, as in 2001:db8:0:1::/64";
        ret->is_ipv6 = true;
    }
    ret->bits = (unsigned)bits;
    return NULL;
}

bool address_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *v6 = (const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}
