/*
 * Streams: bytes in both directions over one or two descriptors, with buffers and time limits. Every
 * wait uses poll(2). The flags of the descriptors stay as they are: other processes may share them.
 *
 * Limits count only the time that this side spends waiting for the other. A daemon that writes to a
 * slow disk, or a client whose own producer is silent, does not use up the time of its peer. Two of
 * them also hold against a side that never stops talking, so that nothing is ever waited for:
 * limits.wait_ms is real time, and limits.total_ms all that passes in the other side's turns.
 *
 * A transport moves the bytes. The plain one reads and writes the descriptors; one that encrypts
 * can take its place.
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
    STREAM_HEARD = 2,           /* from stream_send(): a line has come (reasons are negative) */
};

struct stream;
struct tcp_info;

/* A transport keeps its data in stream->state. */
struct transport {
    /* As read(2) and write(2): -1 with EAGAIN instead of waiting; `receive`: 0 at the end. */
    ssize_t (*receive)(struct stream *stream, void *bytes, size_t length);
    ssize_t (*send)(struct stream *stream, const void *bytes, size_t length);
    /* Ends the output, as shutdown(2) with SHUT_WR does. */
    void (*finish)(struct stream *stream);
    /* Frees the state; may be NULL. The stream itself closes the descriptors. */
    void (*close)(struct stream *stream);
};

/* Reads and writes the descriptors as they are. */
extern const struct transport stream_plain;

/* Time limits in milliseconds; 0 is no limit. */
struct stream_limits {
    int64_t silence_ms; /* without a single byte from the other side */
    int64_t line_ms;    /* from a line's first byte to its end */
    int64_t stall_ms;   /* with fewer than STREAM_PACE_BYTES from the other side */
    int64_t write_ms;   /* without a byte taken by the other side */
    int64_t wait_ms;    /* from the first to the last of several WAITs in a row */
    int64_t total_ms;   /* in which it is the other side's turn, in all */
};

struct stream {
    const struct transport *transport;
    void *state; /* of the transport */
    int in;
    int out;
    bool in_is_socket, out_is_socket, out_is_tcp;
    struct stream_limits limits;
    int64_t until_ms;        /* reading waits until clock_ms() reaches this; 0 for no end */
    int wake;                /* a descriptor that ends every wait when readable; -1 for none */
    bool ended;              /* the other side sends no more */
    bool failed;             /* sending has failed, and nothing more can be sent */
    uint64_t received, sent; /* bytes, in all */

    char *input;
    size_t input_start, input_end;
    size_t piece; /* bytes that are received at once, at most */
    char *output;
    size_t output_start, output_end;

    /* Time spent waiting for input: since the last byte, for STREAM_PACE_BYTES, in this line. */
    int64_t silent_ms, stalled_ms, line_ms;
    int64_t total_ms;       /* of the other side's turns; not counted without a limit */
    int64_t counted_ms;     /* clock_ms() up to which they are counted */
    size_t pace_bytes;      /* since stalled_ms was 0 */
    bool in_line;           /* a line has begun, and its end has not come */
    int64_t waits_since_ms; /* when the WAITs in a row began; 0 when something else came last */
};

/*
 * Opens a stream over two descriptors, which may be the same. The stream then owns them and the
 * transport's `state`. Returns 0, or -REASON_INTERNAL, and then the caller still owns them.
 */
int stream_open(struct stream *stream, const struct transport *transport, void *state, int in,
                int out, const struct stream_limits *limits);

/*
 * Closes the descriptors and frees the buffers. What is pending is lost. A second call does
 * nothing.
 */
void stream_close(struct stream *stream);

/*
 * Sends what is pending, then waits up to `limit_ms` (0: without limit) for input. Returns 0 when
 * there is input; -REASON_LOST at the end of the input; -REASON_TIMEOUT; or -REASON_UNAVAILABLE
 * when stream->wake is readable.
 */
int stream_await(struct stream *stream, int64_t limit_ms);

/*
 * Reads a line, without its LF or CR LF. It is valid until the next read. Returns 0;
 * -REASON_BAD_REQUEST for a line that is too long; -REASON_LOST; -REASON_TIMEOUT; or
 * -REASON_UNAVAILABLE when the line is not complete and stream->wake is readable.
 */
int stream_line(struct stream *stream, const char **ret_line, size_t *ret_length);

/*
 * Looks at the next line without reading it. Returns false when it is not complete yet. Of a line
 * that is too long it shows the first LINE_LONGEST bytes.
 */
bool stream_peek_line(const struct stream *stream, const char **ret_line, size_t *ret_length);

/*
 * Reads 1 to `most` bytes, which are valid until the next read. Returns 0, -REASON_LOST,
 * -REASON_TIMEOUT or -REASON_UNAVAILABLE, as stream_line().
 */
int stream_bytes(struct stream *stream, size_t most, const char **ret_bytes, size_t *ret_length);

/*
 * Is the other side gone, so that nothing can reach it any more? Not so after the mere end of its
 * input. Over TCP that shows only after something was sent to it. Never waits.
 */
bool stream_is_hung_up(const struct stream *stream);

/*
 * Has the other side of a TCP connection vanished? It has if its system was sent something and has not
 * answered for a minute and a half: a system whose program only reads nothing does answer. `info` is
 * that of the option TCP_INFO (tcp(7)). Streams look at it themselves in each wait.
 */
bool stream_has_vanished(const struct tcp_info *info);

/* Is there nothing to read, not even the end? Never waits. */
bool stream_is_quiet(struct stream *stream);

/*
 * Drops all input until the other side ends it, clock_ms() reaches `until_ms`, or stream->wake is
 * readable.
 */
void stream_drain(struct stream *stream, int64_t until_ms);

/* The other side is expected to send something: the limits start again. */
void stream_expect(struct stream *stream);

/*
 * For limits.total_ms: from the end of its turn to its next beginning, this side does something of
 * its own that may take long. Sending begins a turn, too.
 */
void stream_end_turn(struct stream *stream);
void stream_begin_turn(struct stream *stream);

/*
 * The other side has sent a sign of life: the limits start again. Returns -REASON_TIMEOUT when it
 * has sent nothing else for limits.wait_ms, or limits.total_ms is used up; else 0.
 */
int stream_sign_of_life(struct stream *stream);

/*
 * Adds text, of at most LINE_LONGEST bytes, to what is pending, which is sent first when there is
 * no room left. Returns 0, or what stream_flush() returns.
 */
int stream_print(struct stream *stream, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds bytes to what is pending, as stream_print(). */
int stream_write(struct stream *stream, const char *bytes, size_t length);

/*
 * Makes room for `length` bytes (at most STREAM_BUFFER) after what is pending. Write them there,
 * then call stream_added() with their number. Returns 0, or what stream_flush() returns.
 */
int stream_room(struct stream *stream, size_t length, char **ret_bytes);
void stream_added(struct stream *stream, size_t length);

/*
 * Sends all that is pending, as long as the other side takes a byte within `limit_ms` (0: no limit)
 * and limits.total_ms is not used up. With `listens` it also reads what comes meanwhile, and keeps
 * it, so that the two sides never wait for each other to read.
 *
 * Returns 0; -REASON_LOST; -REASON_TIMEOUT, after which nothing more can be sent; or
 * -REASON_UNAVAILABLE when it would have to wait and stream->wake is readable, with the rest still
 * pending. With `listens` it returns -REASON_LOST also at the end of the input, and STREAM_HEARD
 * when the end of a line has come, with the rest still pending. If the line shows that the other
 * side is alive, call again: `limit_ms` then starts again.
 */
int stream_send(struct stream *stream, bool listens, int64_t limit_ms);

/* stream_send() with limits.write_ms, without listening. */
int stream_flush(struct stream *stream);

/* How many bytes are pending. */
size_t stream_pending(const struct stream *stream);

/*
 * Waits for at most `limit_ms`, more than 0, until `source` (a descriptor, or -1) is readable or at
 * its end, which sets `*ret_source`, or until input comes, which is read and kept; neither keeps
 * the other waiting. Nothing may be pending. No limit of the stream counts this time: it is not a
 * wait for the other side. Returns 0, -REASON_LOST, or -REASON_UNAVAILABLE when stream->wake is
 * readable.
 */
int stream_listen(struct stream *stream, int source, int64_t limit_ms, bool *ret_source);

/* Sends all that is pending, and ends the output. Returns as stream_flush(). */
int stream_finish(struct stream *stream);

#endif
