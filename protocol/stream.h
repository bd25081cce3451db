/*
 * Streams: one flow of bytes in each direction over one or two descriptors, with buffers and time
 * limits. All calls that wait use poll(2) on non-blocking descriptors.
 *
 * Limits count only the time that this side spent waiting for the other: a daemon that writes to
 * a slow disk and a client whose own producer is silent do not hurry their peers.
 *
 * What moves the bytes is a transport: the plain one here reads and writes the descriptors; one
 * that encrypts can take its place.
 */
#ifndef PROTOCOL_STREAM_H
#define PROTOCOL_STREAM_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/reason.h"

enum {
    STREAM_BUFFER = 256 * 1024, /* bytes of each of the two buffers */
    STREAM_PACE_BYTES = 1024,   /* bytes that must come within limits.stall_ms */
    STREAM_HEARD = 2,           /* stream_send(): a line has come; no reason is positive */
};

struct stream;

/* A transport keeps what it needs in stream->state. */
struct transport {
    /* As read(2) and write(2): -1 with EAGAIN when nothing moves now; `receive` 0 at the end. */
    ssize_t (*receive)(struct stream *stream, void *bytes, size_t length);
    ssize_t (*send)(struct stream *stream, const void *bytes, size_t length);
    /* Tells the other side that nothing more comes (shutdown(2) with SHUT_WR). */
    void (*finish)(struct stream *stream);
    /* Frees the state; NULL when there is none. The stream closes its descriptors itself. */
    void (*close)(struct stream *stream);
};

/* Reads and writes the descriptors as they are. */
extern const struct transport stream_plain;

/* Time limits in milliseconds; 0 stands for none. */
struct stream_limits {
    int64_t silence_ms; /* without a single byte from the other side */
    int64_t line_ms;    /* from a line's first byte to its end */
    int64_t stall_ms;   /* with fewer than STREAM_PACE_BYTES from the other side */
    int64_t write_ms;   /* without a byte taken by the other side */
    int64_t wait_ms;    /* of WAITs in a row */
    int64_t total_ms;   /* of waiting for the other side in all */
};

struct stream {
    const struct transport *transport;
    void *state; /* of the transport */
    int in;
    int out;
    bool in_is_socket, out_is_socket;
    int in_flags, out_flags; /* the status flags before; put back at the close */
    struct stream_limits limits;
    int64_t until_ms;        /* of clock_ms(): nothing is waited for beyond that; 0 for no end */
    int wake;                /* when this is readable nothing more is waited for; -1 for none */
    bool ended;              /* the other side sends no more */
    bool failed;             /* something could not be sent, and nothing can be any more */
    uint64_t received, sent; /* bytes, in all */

    char *input;
    size_t input_start, input_end;
    char *output;
    size_t output_start, output_end;

    /* Time spent waiting for input: since the last byte; since the last 1024; in this line. */
    int64_t silent_ms, stalled_ms, line_ms;
    int64_t waited_ms; /* in all, for the other side to send or to take something */
    size_t pace_bytes;
    bool in_line;           /* a line has begun, and its end is awaited */
    int64_t waits_since_ms; /* when the WAITs in a row began; 0 when the last sign was another */
};

/*
 * Makes a stream over descriptors, which may be one, sets them non-blocking, and owns them and the
 * transport's `state` from now on. Returns 0, or -REASON_INTERNAL, and then the caller still has
 * them.
 */
int stream_open(struct stream *stream, const struct transport *transport, void *state, int in,
                int out, const struct stream_limits *limits);

/* Closes the descriptors and frees the buffers; a second time does nothing. What was not flushed is
 * lost. */
void stream_close(struct stream *stream);

/*
 * Sends what is pending, then waits up to `limit_ms` (0: for ever) for input. Returns 0 when there
 * is input, -REASON_LOST at the end of the stream, -REASON_TIMEOUT, or -REASON_UNAVAILABLE for
 * stream->wake.
 */
int stream_await(struct stream *stream, int64_t limit_ms);

/*
 * Reads a line, whose end is cut off. It stays where it is until the next read. Returns 0,
 * -REASON_BAD_REQUEST for one that is too long, -REASON_LOST, -REASON_TIMEOUT, or, when it had to
 * be waited for, -REASON_UNAVAILABLE for stream->wake.
 */
int stream_line(struct stream *stream, const char **ret_line, size_t *ret_length);

/*
 * Looks at the next line without reading it. Returns false when it has not come whole; one that is
 * too long is shown as far as it may go.
 */
bool stream_peek_line(const struct stream *stream, const char **ret_line, size_t *ret_length);

/*
 * Reads 1 to `most` bytes, which stay where they are until the next read. Returns 0, -REASON_LOST
 * or -REASON_TIMEOUT.
 */
int stream_bytes(struct stream *stream, size_t most, const char **ret_bytes, size_t *ret_length);

/* Has nothing come, not even the end, since the last read? Never waits. */
bool stream_is_quiet(struct stream *stream);

/*
 * Drops all input until the other side ends, until `until_ms` of clock_ms(), or for stream->wake.
 */
void stream_drain(struct stream *stream, int64_t until_ms);

/* From now on the other side is due: the limits begin anew. */
void stream_expect(struct stream *stream);

/*
 * A sign of life came from the other side: the limits begin anew. Returns -REASON_TIMEOUT when
 * nothing else has come for `limits.wait_ms`, else 0.
 */
int stream_sign_of_life(struct stream *stream);

/* Adds text to what is pending; sends when there is no room left. Returns 0, or what stream_flush()
 * returns; what is printed at once must fit LINE_LONGEST. */
int stream_print(struct stream *stream, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds bytes to what is pending; as stream_print(). */
int stream_write(struct stream *stream, const char *bytes, size_t length);

/*
 * Room for `length` bytes (at most STREAM_BUFFER) at the end of what is pending; the bytes put
 * there count when stream_added() tells how many. Returns 0, or what stream_flush() returns.
 */
int stream_room(struct stream *stream, size_t length, char **ret_bytes);
void stream_added(struct stream *stream, size_t length);

/*
 * Sends all that is pending, for as long as the other side takes a byte every `limit_ms` (0: no
 * limit) and limits.total_ms allows. `listens`: also reads and keeps what comes meanwhile, so that
 * no side waits for the other to read.
 *
 * Returns 0; -REASON_TIMEOUT, and then nothing can be sent any more; -REASON_LOST, when listening
 * also at the end of what the other side sends; -REASON_UNAVAILABLE for stream->wake when it had to
 * be waited for, with the rest still pending; or, when listening, STREAM_HEARD as soon as the end
 * of a line has come, also with the rest still pending. Who finds in the line that the other side
 * is alive calls again, with the time of `limit_ms` from the start.
 */
int stream_send(struct stream *stream, bool listens, int64_t limit_ms);

/* The same without listening, for limits.write_ms. */
int stream_flush(struct stream *stream);

/* How many bytes are pending. */
size_t stream_pending(const struct stream *stream);

/*
 * Waits until `source` (a descriptor, or -1) is readable or at its end, which is said in
 * `*ret_source`, or until something comes, which is read and kept; for `limit_ms`, more than 0, at
 * most. Nothing may be pending. Not a wait for the other side: no limit of the stream counts it.
 * Returns 0, -REASON_LOST, or -REASON_UNAVAILABLE for stream->wake.
 */
int stream_listen(struct stream *stream, int source, int64_t limit_ms, bool *ret_source);

/* Sends all that is pending and tells the other side that no more comes. */
int stream_finish(struct stream *stream);

#endif
