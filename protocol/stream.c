#include "protocol/stream.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/line.h"

enum {
    NOT_NOW = 1,       /* nothing can be read or sent at present (reasons are negative) */
    LOOK_MS = 5000,    /* between looks whether the other side has vanished */
    SILENT_MS = 90000, /* without an answer from its system */
    ANSWER_MS = 10000, /* for an answer */
    AGAIN_MS = 120000, /* the longest that the system waits before it sends something again... */
    AGAIN_OURS_MS = 30000, /* ...and what we ask for */
};

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44 /* since Linux 6.15 */
#endif

/*
 * The plain transport. Other processes may share the descriptors, so none is made non-blocking, which
 * all of them would see: sockets have MSG_DONTWAIT, and the rest is asked by poll(2) before. A pipe
 * that poll(2) calls writable takes PIPE_BUF bytes without blocking.
 */

static bool is_ready(int fd, short event)
{
    struct pollfd polled = {.fd = fd, .events = event};

    if (poll(&polled, 1, 0) > 0)
        return true;
    errno = EAGAIN;
    return false;
}

static ssize_t plain_receive(struct stream *stream, void *bytes, size_t length)
{
    if (stream->in_is_socket)
        return recv(stream->in, bytes, length, MSG_DONTWAIT);
    return is_ready(stream->in, POLLIN) ? read(stream->in, bytes, length) : -1;
}

static ssize_t plain_send(struct stream *stream, const void *bytes, size_t length)
{
    if (stream->out_is_socket)
        return send(stream->out, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    return is_ready(stream->out, POLLOUT)
               ? write(stream->out, bytes, length < PIPE_BUF ? length : PIPE_BUF)
               : -1;
}

static void plain_finish(struct stream *stream)
{
    if (stream->out_is_socket) {
        (void)shutdown(stream->out, SHUT_WR);
    } else if (stream->out != stream->in) {
        descriptor_close(stream->out);
        stream->out = -1;
    }
}

const struct transport stream_plain = {
    .receive = plain_receive,
    .send = plain_send,
    .finish = plain_finish,
};

/* Waiting. */

/* What may end a wait. */
enum {
    READABLE = 1,
    WRITABLE = 2,
    SOURCE = 4, /* `source` is readable, or at its end */
    WOKEN = 8,  /* stream->wake is readable */
};

bool stream_has_vanished(const struct tcp_info *info)
{
    bool is_unanswered = info->tcpi_unacked > 0;
    unsigned doublings = is_unanswered || info->tcpi_backoff > 16 ? 0 : info->tcpi_backoff;
    int64_t again_ms = (int64_t)(info->tcpi_rto / 1000) << doublings;

    /* The probe of a window that is closed may be unanswered, too. */
    if (!is_unanswered && info->tcpi_probes == 0)
        return false;
    /* No answer can be expected before something was sent again. */
    if (again_ms > AGAIN_MS || info->tcpi_backoff > 16)
        again_ms = AGAIN_MS;
    return info->tcpi_last_ack_recv >= SILENT_MS &&
           info->tcpi_last_ack_recv >= again_ms + ANSWER_MS;
}

static bool has_vanished(const struct stream *stream)
{
    struct tcp_info info;
    socklen_t length = sizeof info;

    return stream->out_is_tcp &&
           getsockopt(stream->out, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
           stream_has_vanished(&info);
}

/*
 * Waits until the stream is READABLE or WRITABLE, as far as that is `wanted`, until `source` (-1
 * for none) or stream->wake is readable, or for `limit_ms` (0 or less: no limit). Adds the time
 * spent to `spent_ms`. Returns what ended the wait; 0 for the limit, a signal, or a look whether the
 * other side has vanished; or -REASON_LOST.
 */
static int wait_for(struct stream *stream, int wanted, int source, int64_t limit_ms,
                    int64_t *spent_ms)
{
    struct pollfd polled[] = {
        {.fd = wanted & READABLE ? stream->in : -1, .events = POLLIN},
        {.fd = wanted & WRITABLE ? stream->out : -1, .events = POLLOUT},
        {.fd = source, .events = POLLIN},
        {.fd = stream->wake, .events = POLLIN},
    };
    int64_t most_ms = stream->out_is_tcp ? LOOK_MS : INT_MAX;
    int timeout = limit_ms > 0 && limit_ms < most_ms   ? (int)limit_ms
                  : limit_ms > 0 || stream->out_is_tcp ? (int)most_ms
                                                       : -1;
    int64_t before = clock_ms();
    int ready = poll(polled, 4, timeout);

    *spent_ms += clock_ms() - before;
    if (ready < 0 && errno != EINTR)
        return -REASON_LOST;
    if (ready <= 0 && has_vanished(stream)) {
        stream->ended = stream->failed = true;
        return -REASON_LOST;
    }
    if (ready <= 0)
        return 0;
    return (polled[0].revents != 0 ? READABLE : 0) | (polled[1].revents != 0 ? WRITABLE : 0) |
           (polled[2].revents != 0 ? SOURCE : 0) | (polled[3].revents != 0 ? WOKEN : 0);
}

/*
 * Returns the smaller of `left_ms` and what is left of a limit after `spent_ms`. For a point in
 * time `spent_ms` is the present. 0 is no limit, -1 a limit that is reached.
 */
static int64_t time_left(int64_t left_ms, int64_t limit_ms, int64_t spent_ms)
{
    if (limit_ms == 0)
        return left_ms;
    int64_t rest = limit_ms > spent_ms ? limit_ms - spent_ms : -1;
    return left_ms == 0 || rest < left_ms ? rest : left_ms;
}

void stream_end_turn(struct stream *stream)
{
    if (stream->limits.total_ms == 0)
        return;
    int64_t now = clock_ms();
    stream->total_ms += now - stream->counted_ms;
    stream->counted_ms = now;
}

void stream_begin_turn(struct stream *stream)
{
    if (stream->limits.total_ms > 0)
        stream->counted_ms = clock_ms();
}

/* Is limits.total_ms used up, in the middle of a turn? */
static bool is_time_up(struct stream *stream)
{
    stream_end_turn(stream);
    return stream->limits.total_ms > 0 && stream->total_ms >= stream->limits.total_ms;
}

static void restart_pace(struct stream *stream)
{
    stream->silent_ms = 0;
    stream->stalled_ms = 0;
    stream->pace_bytes = 0;
}

/* Reads what has come, without waiting. Returns 0, NOT_NOW, or -REASON_LOST at the end. */
static int pull(struct stream *stream)
{
    size_t length = stream->input_end - stream->input_start;

    if (stream->ended)
        return -REASON_LOST;
    if (length == 0)
        stream->input_start = stream->input_end = 0;
    if (stream->input_end == STREAM_BUFFER && stream->input_start > 0) {
        memmove(stream->input, stream->input + stream->input_start, length);
        stream->input_start = 0;
        stream->input_end = length;
    }
    if (stream->input_end == STREAM_BUFFER)
        return NOT_NOW;

    size_t room = STREAM_BUFFER - stream->input_end;
    ssize_t got = stream->transport->receive(stream, stream->input + stream->input_end,
                                             room < stream->piece ? room : stream->piece);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return NOT_NOW;
    if (got <= 0) {
        stream->ended = true;
        return -REASON_LOST;
    }
    stream->input_end += (size_t)got;
    stream->received += (uint64_t)got;
    stream->silent_ms = 0;
    stream->pace_bytes += (size_t)got;
    if (stream->pace_bytes >= STREAM_PACE_BYTES) {
        stream->pace_bytes = 0;
        stream->stalled_ms = 0;
    }
    return 0;
}

/* Sends what is pending, then waits for input. Returns 0, also at the limit, or a reason. */
static int await_input(struct stream *stream, int64_t limit_ms, int64_t *spent_ms)
{
    int code = stream_flush(stream);

    if (code == 0)
        code = wait_for(stream, READABLE, -1, limit_ms, spent_ms);
    if (code == WOKEN)
        return -REASON_UNAVAILABLE;
    return code < 0 ? code : 0;
}

/* Reads some input, and waits for it within the limits. */
static int fill(struct stream *stream)
{
    int code = 0;

    while ((code = pull(stream)) == NOT_NOW) {
        const struct stream_limits *limits = &stream->limits;
        int64_t spent = 0;
        int64_t left = time_left(0, limits->silence_ms, stream->silent_ms);
        left = time_left(left, limits->stall_ms, stream->stalled_ms);
        left = time_left(left, stream->until_ms, clock_ms());
        left = time_left(left, stream->in_line ? limits->line_ms : 0, stream->line_ms);
        if (is_time_up(stream))
            return -REASON_TIMEOUT;
        left = time_left(left, limits->total_ms, stream->total_ms);
        if (left < 0)
            return -REASON_TIMEOUT;
        code = await_input(stream, left, &spent);
        stream_end_turn(stream);
        if (code < 0)
            return code;
        stream->silent_ms += spent;
        stream->stalled_ms += spent;
        stream->line_ms += stream->in_line ? spent : 0;
    }
    return code;
}

/* Sends what can be sent without waiting. Returns 0, NOT_NOW, or -REASON_LOST. */
static int push(struct stream *stream)
{
    ssize_t sent = stream->transport->send(stream, stream->output + stream->output_start,
                                           stream_pending(stream));
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return NOT_NOW;
    if (sent < 0) {
        stream->failed = true;
        return -REASON_LOST;
    }
    stream->output_start += (size_t)sent;
    stream->sent += (uint64_t)sent;
    if (stream->output_start == stream->output_end)
        stream->output_start = stream->output_end = 0;
    return 0;
}

static const struct stream no_stream = {.in = -1, .out = -1, .wake = -1};

/*
 * For TCP connections: no delay of small pieces, and keepalive, which gives up an idle peer that is
 * gone after 60 s (tcp(7)). While something is on its way keepalive is silent, and has_vanished()
 * looks. Not TCP_USER_TIMEOUT, which would also cut off a peer that is alive but accepts nothing for
 * that long, like a client whose own reader pauses. Returns whether it is one.
 */
static bool tune_socket(int fd)
{
    static const struct {
        int level, option, value;
    } options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},   {IPPROTO_TCP, TCP_NODELAY, 1},
                   {IPPROTO_TCP, TCP_KEEPIDLE, 30}, {IPPROTO_TCP, TCP_KEEPINTVL, 10},
                   {IPPROTO_TCP, TCP_KEEPCNT, 3},   {IPPROTO_TCP, TCP_RTO_MAX_MS, AGAIN_OURS_MS}};
    int domain = 0;
    socklen_t length = sizeof domain;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 || domain == AF_UNIX)
        return false;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        (void)setsockopt(fd, options[i].level, options[i].option, &options[i].value,
                         sizeof options[i].value);
    return true;
}

static int prepare(int fd, bool *ret_is_socket, bool *ret_is_tcp)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return -REASON_INTERNAL;
    *ret_is_socket = S_ISSOCK(status.st_mode);
    *ret_is_tcp = *ret_is_socket && tune_socket(fd);
    return 0;
}

int stream_open(struct stream *stream, const struct transport *transport, void *state, int in,
                int out, const struct stream_limits *limits)
{
    *stream = (struct stream){.transport = transport,
                              .state = state,
                              .in = in,
                              .out = out,
                              .wake = -1,
                              .piece = STREAM_BUFFER,
                              .limits = *limits};
    stream->input = malloc(STREAM_BUFFER);
    stream->output = malloc(STREAM_BUFFER);
    if (stream->input == NULL || stream->output == NULL ||
        prepare(in, &stream->in_is_socket, &stream->out_is_tcp) < 0 ||
        (out != in && prepare(out, &stream->out_is_socket, &stream->out_is_tcp) < 0)) {
        free(stream->input);
        free(stream->output);
        *stream = no_stream;
        return -REASON_INTERNAL;
    }
    if (out == in)
        stream->out_is_socket = stream->in_is_socket;
    stream_begin_turn(stream);
    return 0;
}

void stream_close(struct stream *stream)
{
    if (stream->transport != NULL && stream->transport->close != NULL)
        stream->transport->close(stream);
    if (stream->out != stream->in)
        descriptor_close(stream->out);
    descriptor_close(stream->in);
    free(stream->input);
    free(stream->output);
    *stream = no_stream;
}

int stream_await(struct stream *stream, int64_t limit_ms)
{
    int64_t spent = 0;
    int code = 0;

    if (stream->input_start < stream->input_end)
        return 0;
    while ((code = pull(stream)) == NOT_NOW) {
        int64_t left = time_left(0, limit_ms, spent);
        if (left < 0)
            return -REASON_TIMEOUT;
        code = await_input(stream, left, &spent);
        if (code < 0)
            return code;
    }
    return code;
}

bool stream_peek_line(const struct stream *stream, const char **ret_line, size_t *ret_length)
{
    const char *start = stream->input + stream->input_start;
    size_t length = stream->input_end - stream->input_start;
    size_t within = length < LINE_LONGEST ? length : LINE_LONGEST;
    const char *end = memchr(start, '\n', within);

    if (end == NULL && within < LINE_LONGEST)
        return false;
    *ret_line = start;
    *ret_length = end != NULL ? (size_t)(end - start) : within;
    if (end != NULL && end > start && end[-1] == '\r')
        (*ret_length)--;
    return true;
}

int stream_line(struct stream *stream, const char **ret_line, size_t *ret_length)
{
    stream->line_ms = 0;
    while (!stream_peek_line(stream, ret_line, ret_length)) {
        stream->in_line = stream->input_start < stream->input_end;
        int code = fill(stream);
        if (code < 0)
            return code;
    }
    if (*ret_length == LINE_LONGEST)
        return -REASON_BAD_REQUEST;
    stream->input_start = (size_t)(*ret_line - stream->input) + *ret_length;
    /* The end is LF or CR LF. */
    stream->input_start += stream->input[stream->input_start] == '\r' ? 2 : 1;
    return 0;
}

int stream_bytes(struct stream *stream, size_t most, const char **ret_bytes, size_t *ret_length)
{
    stream->in_line = false;
    if (stream->input_start == stream->input_end) {
        int code = fill(stream);
        if (code < 0)
            return code;
    }
    if (is_time_up(stream))
        return -REASON_TIMEOUT;
    size_t length = stream->input_end - stream->input_start;
    *ret_bytes = stream->input + stream->input_start;
    *ret_length = length < most ? length : most;
    stream->input_start += *ret_length;
    stream->waits_since_ms = 0;
    return 0;
}

bool stream_is_hung_up(const struct stream *stream)
{
    struct pollfd polled = {.fd = stream->out};

    return stream->failed || has_vanished(stream) ||
           (poll(&polled, 1, 0) > 0 && (polled.revents & (POLLHUP | POLLERR)) != 0);
}

bool stream_is_quiet(struct stream *stream)
{
    return stream->input_start == stream->input_end && pull(stream) == NOT_NOW;
}

void stream_drain(struct stream *stream, int64_t until_ms)
{
    int came = 0;

    stream->input_start = stream->input_end = 0;
    while (!stream->ended && came >= 0 && (came & WOKEN) == 0) {
        int64_t spent = 0;
        /* As they come: nothing is decrypted only to be dropped. */
        ssize_t got = plain_receive(stream, stream->input, STREAM_BUFFER);
        int64_t left = until_ms - clock_ms();
        bool is_empty = got < 0 && (errno == EAGAIN || errno == EINTR);
        stream->ended = got <= 0 && !is_empty;
        if (stream->ended || left <= 0)
            return;
        stream->received += got > 0 ? (uint64_t)got : 0;
        if (is_empty)
            came = wait_for(stream, READABLE, -1, left, &spent);
    }
}

void stream_expect(struct stream *stream)
{
    restart_pace(stream);
    stream->waits_since_ms = 0;
}

int stream_sign_of_life(struct stream *stream)
{
    int64_t now = clock_ms();

    restart_pace(stream);
    if (stream->waits_since_ms == 0)
        stream->waits_since_ms = now;
    if (stream->limits.wait_ms > 0 && now - stream->waits_since_ms > stream->limits.wait_ms)
        return -REASON_TIMEOUT;
    return is_time_up(stream) || (stream->until_ms > 0 && now >= stream->until_ms) ? -REASON_TIMEOUT
                                                                                   : 0;
}

int stream_print(struct stream *stream, const char *format, ...)
{
    va_list arguments;
    char *room = NULL;
    int code = stream_room(stream, LINE_LONGEST + 1, &room);

    if (code != 0)
        return code;
    va_start(arguments, format);
    int length = vsnprintf(room, LINE_LONGEST + 1, format, arguments);
    va_end(arguments);
    if (length < 0 || length > LINE_LONGEST)
        return -REASON_INTERNAL;
    stream_added(stream, (size_t)length);
    return 0;
}

int stream_write(struct stream *stream, const char *bytes, size_t length)
{
    while (length > 0) {
        char *room = NULL;
        size_t piece = length < STREAM_BUFFER / 2 ? length : STREAM_BUFFER / 2;
        int code = stream_room(stream, piece, &room);
        if (code != 0)
            return code;
        memcpy(room, bytes, piece);
        stream_added(stream, piece);
        bytes += piece;
        length -= piece;
    }
    return 0;
}

int stream_room(struct stream *stream, size_t length, char **ret_bytes)
{
    int code = STREAM_BUFFER - stream->output_end < length ? stream_flush(stream) : 0;

    if (code == 0)
        *ret_bytes = stream->output + stream->output_end;
    return code;
}

void stream_added(struct stream *stream, size_t length)
{
    stream->output_end += length;
}

size_t stream_pending(const struct stream *stream)
{
    return stream->output_end - stream->output_start;
}

int stream_send(struct stream *stream, bool listens, int64_t limit_ms)
{
    int64_t spent = 0;

    if (stream->failed)
        return -REASON_LOST;
    stream_begin_turn(stream);
    while (stream_pending(stream) > 0) {
        int heard = NOT_NOW;
        int sent = push(stream);
        if (sent < 0)
            return sent;
        if (sent == 0)
            spent = 0;
        if (listens) {
            if (sent == 0)
                stream_expect(stream);
            /* An offset, because pull() may move the bytes to the start of the buffer. */
            size_t before = stream->input_end - stream->input_start;
            heard = pull(stream);
            const char *added = stream->input + stream->input_start + before;
            if (heard < 0)
                return heard;
            if (memchr(added, '\n', (size_t)(stream->input + stream->input_end - added)) != NULL)
                return STREAM_HEARD;
        }
        /* Checked only after trying to send: this process may have been stopped meanwhile. */
        bool is_up = is_time_up(stream);
        if (stream_pending(stream) == 0 || (!is_up && (sent == 0 || heard == 0)))
            continue;
        int64_t left = time_left(0, limit_ms, spent);
        left = time_left(left, stream->limits.total_ms, stream->total_ms);
        if (left < 0) {
            stream->failed = true;
            return -REASON_TIMEOUT;
        }
        bool can_read = listens && stream->input_end < STREAM_BUFFER;
        int came = wait_for(stream, can_read ? READABLE | WRITABLE : WRITABLE, -1, left, &spent);
        stream_end_turn(stream);
        if (came < 0 || came == WOKEN)
            return came < 0 ? came : -REASON_UNAVAILABLE;
    }
    return 0;
}

int stream_flush(struct stream *stream)
{
    return stream_send(stream, false, stream->limits.write_ms);
}

int stream_listen(struct stream *stream, int source, int64_t limit_ms, bool *ret_source)
{
    int64_t spent = 0;

    *ret_source = false;
    /* A transport may hold back input that poll(2) does not see. */
    if (!stream->ended && pull(stream) != NOT_NOW) {
        *ret_source = descriptor_is_readable(source);
        return 0;
    }
    bool listens = !stream->ended && stream->input_end < STREAM_BUFFER;
    int came = wait_for(stream, listens ? READABLE : 0, source, limit_ms, &spent);
    stream_begin_turn(stream);
    if (came < 0)
        return came;
    if (came & READABLE)
        (void)pull(stream);
    *ret_source = (came & SOURCE) != 0;
    return (came & WOKEN) != 0 ? -REASON_UNAVAILABLE : 0;
}

int stream_finish(struct stream *stream)
{
    int code = stream_flush(stream);

    stream->transport->finish(stream);
    return code;
}
