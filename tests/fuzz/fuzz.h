/*
 * What the fuzz targets share: CHECK, and streams whose other end is a text in memory.
 *
 * A target is called by libFuzzer again and again with other bytes. It parses or serves them, and
 * CHECKs what must be true whatever they are.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/stream.h"
#include "protocol/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where CHECK says what is not true. */
static int fuzz_errors = STDERR_FILENO;

static inline _Noreturn void check_fail(const char *file, int line, const char *expression)
{
    (void)dprintf(fuzz_errors, "%s:%d: not true: %s\n", file, line, expression);
    abort();
}

#define CHECK(expression)                                \
    do {                                                 \
        if (!(expression))                               \
            check_fail(__FILE__, __LINE__, #expression); \
    } while (0)

/* A copy of the input with a NUL, to be freed. Its end is the end of its memory, as ASan sees it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    CHECK(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

static inline bool fuzz_has_none(const char *bytes, size_t length, bool formats_too)
{
    for (size_t i = 0; i < length;) {
        uint32_t character = 0;
        size_t size = utf8_decode(bytes + i, length - i, &character);
        if (size == 0 || utf8_is_control(character) || (formats_too && utf8_is_format(character)))
            return false;
        i += size;
    }
    return true;
}

/* Is this valid UTF-8 without control characters? */
static inline bool fuzz_is_clean(const char *bytes, size_t length)
{
    return fuzz_has_none(bytes, length, false);
}

/* Is it a message, which has no characters that turn the direction of text, or hide it, either? */
static inline bool fuzz_is_message(const char *bytes, size_t length)
{
    return fuzz_has_none(bytes, length, true);
}

/* A transport that reads a text in pieces, and keeps what is sent. */
struct fuzz_wire {
    const char *bytes;
    size_t left;
    size_t piece; /* bytes at a time, at least 1 */
    char *sent;   /* room for `room` bytes; NULL: what is sent is dropped */
    size_t sent_length, room;
};

static inline ssize_t fuzz_receive(struct stream *stream, void *bytes, size_t length)
{
    struct fuzz_wire *wire = stream->state;
    size_t most = wire->piece < wire->left ? wire->piece : wire->left;
    size_t took = most < length ? most : length;

    memcpy(bytes, wire->bytes, took);
    wire->bytes += took;
    wire->left -= took;
    return (ssize_t)took;
}

static inline ssize_t fuzz_send(struct stream *stream, const void *bytes, size_t length)
{
    struct fuzz_wire *wire = stream->state;

    if (wire->sent != NULL) {
        CHECK(length <= wire->room - wire->sent_length);
        memcpy(wire->sent + wire->sent_length, bytes, length);
    }
    wire->sent_length += length;
    return (ssize_t)length;
}

static inline void fuzz_finish(struct stream *stream)
{
    (void)stream;
}

/* Descriptors that poll(2) calls ready: the transport never has to wait. */
static inline void fuzz_open(struct stream *stream, struct fuzz_wire *wire)
{
    static const struct transport transport = {fuzz_receive, fuzz_send, fuzz_finish, NULL};
    const struct stream_limits limits = {.silence_ms = 1000};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    CHECK(null >= 0 && stream_open(stream, &transport, wire, null, null, &limits) == 0);
}

#endif
