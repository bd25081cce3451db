/*
 * A stream over a socket pair, with the other end of it.
 */
#ifndef UNIT_PAIR_H
#define UNIT_PAIR_H

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/stream.h"
#include "tests/unit/check.h"

struct pair {
    struct stream stream;
    int peer;
};

static inline void pair_open(struct pair *pair, struct stream_limits limits)
{
    int ends[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    CHECK(stream_open(&pair->stream, &stream_plain, NULL, ends[0], ends[0], &limits) == 0);
    pair->peer = ends[1];
}

static inline void pair_close(struct pair *pair)
{
    stream_close(&pair->stream);
    (void)close(pair->peer);
}

static inline void peer_send_bytes(const struct pair *pair, const char *bytes, size_t length)
{
    CHECK(send(pair->peer, bytes, length, MSG_NOSIGNAL) == (ssize_t)length);
}

static inline void peer_send(const struct pair *pair, const char *text)
{
    peer_send_bytes(pair, text, strlen(text));
}

static inline void peer_finish(const struct pair *pair)
{
    CHECK(shutdown(pair->peer, SHUT_WR) == 0);
}

/* Does exactly this text come next at the other end? */
static inline int peer_gets(const struct pair *pair, const char *text)
{
    char bytes[4096];
    size_t length = strlen(text);

    return recv(pair->peer, bytes, length, MSG_WAITALL) == (ssize_t)length &&
           memcmp(bytes, text, length) == 0;
}

#endif
