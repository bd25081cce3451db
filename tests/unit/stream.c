#include "protocol/stream.h"

#include <netinet/tcp.h>
#include <pthread.h>

#include "protocol/body.h"
#include "protocol/clock.h"
#include "protocol/line.h"
#include "tests/unit/pair.h"

enum {
    SHORT_MS = 40,   /* a limit that is waited for */
    LONG_MS = 30000, /* a limit that is never reached */
};

static const struct stream_limits no_limits = {.silence_ms = 0};

static bool reads_line(struct pair *pair, const char *expected)
{
    const char *line = NULL;
    size_t length = 0;

    return stream_line(&pair->stream, &line, &length) == 0 && length == strlen(expected) &&
           memcmp(line, expected, length) == 0;
}

static int read_line(struct pair *pair)
{
    const char *line = NULL;
    size_t length = 0;
    return stream_line(&pair->stream, &line, &length);
}

static int read_bytes(struct pair *pair, size_t most, size_t *ret_length)
{
    const char *bytes = NULL;
    return stream_bytes(&pair->stream, most, &bytes, ret_length);
}

static bool has_line(const struct pair *pair)
{
    const char *line = NULL;
    size_t length = 0;
    return stream_peek_line(&pair->stream, &line, &length);
}

static void check_lines(void)
{
    struct pair pair;

    pair_open(&pair, no_limits);
    CHECK(!has_line(&pair));
    peer_send(&pair, "one\ntwo\r\n\n\r\nr\r\r\nfi");
    CHECK(stream_await(&pair.stream, LONG_MS) == 0 && has_line(&pair));
    const char *line = NULL;
    size_t length = 0;
    CHECK(stream_peek_line(&pair.stream, &line, &length) && length == 3);
    CHECK(memcmp(line, "one", 3) == 0);
    CHECK(reads_line(&pair, "one") && reads_line(&pair, "two"));
    CHECK(reads_line(&pair, "") && reads_line(&pair, "") && reads_line(&pair, "r\r"));
    CHECK(!has_line(&pair));
    peer_send(&pair, "ve\nsix");
    CHECK(reads_line(&pair, "five"));
    peer_finish(&pair);
    CHECK(read_line(&pair) == -REASON_LOST);
    pair_close(&pair);
}

static void check_long_lines(void)
{
    static char line[LINE_LONGEST + 1];
    struct pair pair;

    memset(line, 'a', LINE_LONGEST);
    line[LINE_LONGEST - 1] = '\n';
    pair_open(&pair, no_limits);
    peer_send(&pair, line);
    line[LINE_LONGEST - 2] = '\r';
    peer_send(&pair, line);
    const char *start = NULL;
    size_t length = 0;
    CHECK(stream_line(&pair.stream, &start, &length) == 0 && length == LINE_LONGEST - 1);
    CHECK(stream_line(&pair.stream, &start, &length) == 0 && length == LINE_LONGEST - 2);
    /* One byte more is too long, before its end has come. */
    memset(line, 'a', LINE_LONGEST);
    peer_send(&pair, line);
    CHECK(read_line(&pair) == -REASON_BAD_REQUEST);
    CHECK(has_line(&pair));
    pair_close(&pair);
}

/* More than the buffer holds, line by line and as bytes. */
static void *send_much(void *argument)
{
    const struct pair *pair = argument;
    static char bytes[1000];

    memset(bytes, 'x', sizeof bytes);
    bytes[sizeof bytes - 1] = '\n';
    for (int i = 0; i < 1000; i++)
        peer_send_bytes(pair, bytes, sizeof bytes);
    peer_finish(pair);
    return NULL;
}

static void check_much(void)
{
    struct pair pair;
    pthread_t thread;
    size_t length = 0;
    size_t total = 0;
    int code = 0;

    pair_open(&pair, no_limits);
    CHECK(pthread_create(&thread, NULL, send_much, &pair) == 0);
    const char *line = NULL;
    for (int i = 0; i < 500; i++)
        CHECK(stream_line(&pair.stream, &line, &length) == 0 && length == 999);
    while ((code = read_bytes(&pair, 777, &length)) == 0) {
        CHECK(length >= 1 && length <= 777);
        total += length;
    }
    CHECK(code == -REASON_LOST && total == 500000);
    CHECK(pthread_join(thread, NULL) == 0);
    pair_close(&pair);
}

static void check_bytes(void)
{
    struct pair pair;
    size_t length = 0;

    pair_open(&pair, no_limits);
    peer_send(&pair, "4\nabcd\nEND\n");
    CHECK(reads_line(&pair, "4"));
    CHECK(read_bytes(&pair, 3, &length) == 0 && length == 3);
    CHECK(read_bytes(&pair, 2, &length) == 0 && length == 2);
    CHECK(reads_line(&pair, "END"));
    peer_finish(&pair);
    CHECK(read_bytes(&pair, 1, &length) == -REASON_LOST);
    pair_close(&pair);
}

static void check_await(void)
{
    struct pair pair;
    int wake[2];
    const char *line = NULL;
    size_t length = 0;

    CHECK(pipe2(wake, O_CLOEXEC) == 0);
    pair_open(&pair, no_limits);
    pair.stream.wake = wake[0];
    CHECK(stream_await(&pair.stream, SHORT_MS) == -REASON_TIMEOUT);
    /* What is pending is sent before it waits. */
    CHECK(stream_print(&pair.stream, "OK %d\n", 7) == 0);
    CHECK(stream_pending(&pair.stream) == 5);
    CHECK(stream_await(&pair.stream, SHORT_MS) == -REASON_TIMEOUT);
    CHECK(stream_pending(&pair.stream) == 0 && peer_gets(&pair, "OK 7\n"));
    CHECK(write(wake[1], "", 1) == 1);
    CHECK(stream_await(&pair.stream, LONG_MS) == -REASON_UNAVAILABLE);
    /* Input is served first. */
    peer_send(&pair, "x\n");
    CHECK(stream_await(&pair.stream, LONG_MS) == 0);
    CHECK(reads_line(&pair, "x"));
    /* The rest of a line is not waited for. */
    peer_send(&pair, "y");
    CHECK(stream_line(&pair.stream, &line, &length) == -REASON_UNAVAILABLE);
    pair.stream.wake = -1;
    peer_finish(&pair);
    CHECK(stream_line(&pair.stream, &line, &length) == -REASON_LOST);
    pair_close(&pair);
    (void)close(wake[0]);
    (void)close(wake[1]);
}

static void check_limit(struct stream_limits limits, const char *sent, bool is_line)
{
    struct pair pair;
    size_t length = 0;
    int64_t start = clock_ms();

    pair_open(&pair, limits);
    peer_send(&pair, sent);
    int code = is_line ? read_line(&pair) : read_bytes(&pair, 1, &length);
    CHECK(code == -REASON_TIMEOUT);
    CHECK(clock_ms() - start >= SHORT_MS);
    pair_close(&pair);
}

/* The limit of a line counts from its first byte, and does not apply to bodies. */
static void check_line_limit(void)
{
    const struct stream_limits limits = {.line_ms = SHORT_MS, .silence_ms = 3 * SHORT_MS};
    struct pair pair;
    size_t length = 0;
    int64_t start = clock_ms();

    pair_open(&pair, limits);
    CHECK(read_line(&pair) == -REASON_TIMEOUT);
    CHECK(clock_ms() - start >= 3 * SHORT_MS);
    pair_close(&pair);
    start = clock_ms();
    pair_open(&pair, limits);
    CHECK(read_bytes(&pair, 1, &length) == -REASON_TIMEOUT);
    CHECK(clock_ms() - start >= 3 * SHORT_MS);
    pair_close(&pair);
}

/* What this side does meanwhile costs the other side nothing. */
static void check_own_time(void)
{
    struct pair pair;
    int64_t start = clock_ms();

    pair_open(&pair, (struct stream_limits){.silence_ms = SHORT_MS, .stall_ms = SHORT_MS});
    peer_send(&pair, "a\n");
    CHECK(reads_line(&pair, "a"));
    while (clock_ms() - start <= 2 * SHORT_MS)
        continue;
    peer_send(&pair, "b\n");
    CHECK(reads_line(&pair, "b"));
    CHECK(read_line(&pair) == -REASON_TIMEOUT);
    pair_close(&pair);
}

/* A few bytes now and then are not enough: 1024 must come within the limit. */
static void *send_slowly(void *argument)
{
    const struct pair *pair = argument;
    struct pollfd polled = {.fd = pair->peer, .events = POLLIN};

    /* Until the other side hangs up; its patience is what this thread waits for. */
    while (poll(&polled, 1, SHORT_MS / 8) == 0) {
        if (send(pair->peer, "x", 1, MSG_NOSIGNAL) != 1)
            break;
    }
    return NULL;
}

static void check_stall(void)
{
    struct pair pair;
    pthread_t thread;
    size_t length = 0;
    size_t total = 0;
    int code = 0;

    pair_open(&pair, (struct stream_limits){.silence_ms = LONG_MS, .stall_ms = 2 * SHORT_MS});
    CHECK(pthread_create(&thread, NULL, send_slowly, &pair) == 0);
    while ((code = read_bytes(&pair, 100, &length)) == 0)
        total += length;
    CHECK(code == -REASON_TIMEOUT && total < 1024);
    CHECK(shutdown(pair.stream.in, SHUT_RDWR) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    pair_close(&pair);
}

static void check_signs_of_life(void)
{
    struct pair pair;
    size_t length = 0;
    int64_t start = clock_ms();

    pair_open(&pair, (struct stream_limits){.wait_ms = SHORT_MS});
    CHECK(stream_sign_of_life(&pair.stream) == 0);
    while (clock_ms() - start <= 2 * SHORT_MS)
        continue;
    CHECK(stream_sign_of_life(&pair.stream) == -REASON_TIMEOUT);
    /* Bytes end the row of WAITs. */
    peer_send(&pair, "x");
    CHECK(read_bytes(&pair, 1, &length) == 0);
    CHECK(stream_sign_of_life(&pair.stream) == 0);
    pair_close(&pair);
}

/* Writes until the other side, which reads nothing, takes no more. */
static void check_write_limit(void)
{
    static char bytes[STREAM_BUFFER];
    struct pair pair;
    int code = 0;

    pair_open(&pair, (struct stream_limits){.write_ms = SHORT_MS});
    for (int i = 0; code == 0 && i < 1000; i++)
        code = stream_write(&pair.stream, bytes, sizeof bytes);
    CHECK(code == -REASON_TIMEOUT && pair.stream.failed);
    CHECK(stream_flush(&pair.stream) == -REASON_LOST);
    pair_close(&pair);
}

/*
 * All that is waited for the other side adds up, whatever it says meanwhile; a source adds nothing.
 */
static void check_total_limit(void)
{
    static char bytes[STREAM_BUFFER];
    struct pair pair;
    bool is_ready = true;
    int source[2];
    int code = 0;

    CHECK(pipe2(source, O_CLOEXEC) == 0);
    pair_open(&pair, (struct stream_limits){.total_ms = 2 * SHORT_MS});
    CHECK(stream_listen(&pair.stream, source[0], 3 * SHORT_MS, &is_ready) == 0 && !is_ready);
    CHECK(pair.stream.total_ms == 0);
    for (int i = 0; code == 0 && i < 1000; i++) {
        code = stream_write(&pair.stream, bytes, sizeof bytes / 2);
        if (code == 0)
            code = stream_send(&pair.stream, true, LONG_MS);
    }
    CHECK(code == -REASON_TIMEOUT && pair.stream.total_ms >= 2 * SHORT_MS);
    /* It is used up for reading, too, but what has come is read. */
    peer_send(&pair, "a\n");
    CHECK(reads_line(&pair, "a"));
    stream_expect(&pair.stream);
    CHECK(read_line(&pair) == -REASON_TIMEOUT);
    pair_close(&pair);
    (void)close(source[0]);
    (void)close(source[1]);
}

/* Always has something to say: signs of life, or items of a byte. */
struct flood {
    const struct pair *pair;
    const char *text;
};

static void *send_flood(void *argument)
{
    const struct flood *flood = argument;
    size_t length = strlen(flood->text);

    while (send(flood->pair->peer, flood->text, length, MSG_NOSIGNAL) == (ssize_t)length)
        continue;
    return NULL;
}

/* Nothing is ever waited for, and yet limits.total_ms holds. What this side does itself is free. */
static void check_flood(const char *text, bool sends)
{
    static char bytes[STREAM_BUFFER];
    struct pair pair;
    struct flood flood = {.pair = &pair, .text = text};
    struct body body = {.is_answer = true};
    pthread_t thread;
    int code = 0;
    int64_t start = clock_ms();

    pair_open(&pair, (struct stream_limits){.total_ms = 2 * SHORT_MS});
    CHECK(pthread_create(&thread, NULL, send_flood, &flood) == 0);
    stream_end_turn(&pair.stream);
    while (clock_ms() - start <= 3 * SHORT_MS)
        continue;
    stream_begin_turn(&pair.stream);
    CHECK(pair.stream.total_ms < 2 * SHORT_MS);
    while (code == 0) {
        struct item item;
        const char *piece = NULL;
        size_t length = 0;
        if (!sends) {
            code = body_next(&pair.stream, &body, &item, &piece, &length);
            continue;
        }
        code = stream_write(&pair.stream, bytes, STREAM_BUFFER / 2);
        while (code == 0 && (code = stream_send(&pair.stream, true, LONG_MS)) == STREAM_HEARD) {
            code = 0;
            while (code == 0 && stream_peek_line(&pair.stream, &piece, &length)) {
                code = stream_line(&pair.stream, &piece, &length);
                code = code == 0 ? stream_sign_of_life(&pair.stream) : code;
            }
        }
    }
    CHECK(code == -REASON_TIMEOUT && clock_ms() - start < LONG_MS);
    CHECK(shutdown(pair.stream.in, SHUT_RDWR) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    pair_close(&pair);
}

static void check_lost_writer(void)
{
    struct pair pair;
    int code = 0;

    pair_open(&pair, no_limits);
    (void)close(pair.peer);
    for (int i = 0; code == 0 && i < 10; i++)
        code = stream_print(&pair.stream, "OK\n") < 0 ? -1 : stream_flush(&pair.stream);
    CHECK(code == -REASON_LOST && pair.stream.failed);
    pair.peer = -1;
    pair_close(&pair);
}

static void check_room(void)
{
    struct pair pair;

    pair_open(&pair, no_limits);
    char *room = NULL;
    CHECK(stream_room(&pair.stream, 5, &room) == 0);
    memcpy(room, "hello", 5);
    CHECK(stream_pending(&pair.stream) == 0);
    stream_added(&pair.stream, 5);
    CHECK(stream_pending(&pair.stream) == 5);
    CHECK(stream_write(&pair.stream, " you\n", 5) == 0 && stream_flush(&pair.stream) == 0);
    CHECK(peer_gets(&pair, "hello you\n"));
    /* As much as the buffer holds, when something is pending: it is sent first. */
    CHECK(stream_print(&pair.stream, "x") == 0);
    CHECK(stream_room(&pair.stream, STREAM_BUFFER, &room) == 0);
    CHECK(peer_gets(&pair, "x"));
    pair_close(&pair);
}

static void check_drain(void)
{
    struct pair pair;
    pthread_t thread;
    size_t length = 0;
    int64_t start = clock_ms();

    pair_open(&pair, no_limits);
    peer_send(&pair, "something");
    stream_drain(&pair.stream, clock_ms() + SHORT_MS);
    CHECK(clock_ms() - start >= SHORT_MS);
    CHECK(pthread_create(&thread, NULL, send_much, &pair) == 0);
    stream_drain(&pair.stream, clock_ms() + LONG_MS);
    CHECK(clock_ms() - start < LONG_MS);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(read_bytes(&pair, 1, &length) == -REASON_LOST);
    pair_close(&pair);
}

static void check_finish(void)
{
    struct pair pair;
    char byte = 0;

    pair_open(&pair, no_limits);
    CHECK(stream_print(&pair.stream, "last\n") == 0 && stream_finish(&pair.stream) == 0);
    CHECK(peer_gets(&pair, "last\n"));
    CHECK(recv(pair.peer, &byte, 1, 0) == 0);
    /* The other direction is still open. */
    peer_send(&pair, "x\n");
    CHECK(reads_line(&pair, "x"));
    pair_close(&pair);
}

static void check_listening(void)
{
    struct pair pair;
    bool is_ready = true;
    int source[2];

    CHECK(pipe2(source, O_CLOEXEC) == 0);
    pair_open(&pair, no_limits);
    CHECK(stream_listen(&pair.stream, source[0], 1, &is_ready) == 0 && !is_ready);
    CHECK(write(source[1], "x", 1) == 1);
    CHECK(stream_listen(&pair.stream, source[0], LONG_MS, &is_ready) == 0 && is_ready);
    /* What comes is kept for the next read. */
    peer_send(&pair, "FAIL busy\n");
    CHECK(stream_listen(&pair.stream, -1, LONG_MS, &is_ready) == 0 && !is_ready);
    CHECK(has_line(&pair) && reads_line(&pair, "FAIL busy"));
    /* Input does not keep the source waiting. */
    peer_send(&pair, "WAIT\n");
    CHECK(stream_listen(&pair.stream, source[0], LONG_MS, &is_ready) == 0 && is_ready);
    CHECK(has_line(&pair) && reads_line(&pair, "WAIT"));
    (void)close(source[0]);
    (void)close(source[1]);
    pair_close(&pair);
}

/* What comes while something is sent: a line interrupts it, and all else is only kept. */
static void check_sending(void)
{
    static const char bytes[STREAM_BUFFER];
    struct pair pair;
    int code = 0;

    pair_open(&pair, no_limits);
    CHECK(stream_print(&pair.stream, "6\n") == 0);
    peer_send(&pair, "WA");
    CHECK(stream_send(&pair.stream, true, LONG_MS) == 0 && peer_gets(&pair, "6\n"));
    for (int i = 0; code == 0 && i < 1000; i++) {
        CHECK(stream_write(&pair.stream, bytes, sizeof bytes / 16) == 0);
        code = stream_send(&pair.stream, true, SHORT_MS / 4);
        if (i == 0)
            peer_send(&pair, "IT\n");
        CHECK(i != 1 || code == STREAM_HEARD);
        code = code == STREAM_HEARD ? 0 : code;
    }
    CHECK(code == -REASON_TIMEOUT && pair.stream.failed && stream_pending(&pair.stream) > 0);
    CHECK(reads_line(&pair, "WAIT"));
    pair_close(&pair);
    /* One that has ended may still take something, but its answer is not waited for. */
    pair_open(&pair, no_limits);
    CHECK(stream_print(&pair.stream, "6\n") == 0);
    peer_finish(&pair);
    CHECK(stream_send(&pair.stream, true, LONG_MS) == -REASON_LOST);
    CHECK(peer_gets(&pair, "6\n"));
    pair_close(&pair);
}

/* A descriptor that ends waits also ends those for a side that takes nothing. */
static void check_wake(void)
{
    static const char bytes[64 * 1024];
    struct pair pair;
    bool is_ready = false;
    int wake[2];
    int code = 0;

    CHECK(pipe2(wake, O_CLOEXEC) == 0);
    pair_open(&pair, (struct stream_limits){.write_ms = LONG_MS});
    pair.stream.wake = wake[0];
    CHECK(stream_listen(&pair.stream, -1, 1, &is_ready) == 0);
    CHECK(write(wake[1], "", 1) == 1);
    CHECK(stream_listen(&pair.stream, -1, LONG_MS, &is_ready) == -REASON_UNAVAILABLE);
    /* What goes at once is sent all the same. */
    CHECK(stream_print(&pair.stream, "OK\n") == 0 && stream_flush(&pair.stream) == 0);
    CHECK(peer_gets(&pair, "OK\n"));
    for (int i = 0; code == 0 && i < 1000; i++)
        code = stream_write(&pair.stream, bytes, sizeof bytes);
    CHECK(code == -REASON_UNAVAILABLE && !pair.stream.failed);
    CHECK(stream_pending(&pair.stream) > 0);
    (void)close(wake[0]);
    (void)close(wake[1]);
    pair_close(&pair);
}

/* Over pipes, whose descriptors block, because others may share them: the end, and a full one. */
static void check_pipes(void)
{
    static const char much[200 * 1024];
    struct stream stream;
    const char *line = NULL;
    size_t length = 0;
    char bytes[16];

    for (int is_full = 0; is_full < 2; is_full++) {
        int to[2];
        int from[2];
        CHECK(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
        CHECK(stream_open(&stream, &stream_plain, NULL, to[0], from[1],
                          &(struct stream_limits){.write_ms = SHORT_MS}) == 0);
        CHECK((fcntl(to[0], F_GETFL) & O_NONBLOCK) == 0);
        CHECK((fcntl(from[1], F_GETFL) & O_NONBLOCK) == 0);
        CHECK(stream_is_quiet(&stream));
        CHECK(write(to[1], "LIST\n", 5) == 5);
        CHECK(stream_line(&stream, &line, &length) == 0 && length == 4);
        CHECK(stream_print(&stream, "EMPTY\n") == 0);
        if (is_full) {
            CHECK(stream_write(&stream, much, sizeof much) == 0);
            CHECK(stream_finish(&stream) == -REASON_TIMEOUT && stream_pending(&stream) > 0);
        } else {
            CHECK(stream_finish(&stream) == 0);
            CHECK(read(from[0], bytes, sizeof bytes) == 6);
            CHECK(read(from[0], bytes, sizeof bytes) == 0);
        }
        stream_close(&stream);
        /* A second time it does nothing. */
        stream_close(&stream);
        (void)close(to[1]);
        (void)close(from[0]);
    }
}

/* What the kernel says of a peer: time since its last answer, and what it was sent in vain. */
static bool has_vanished(uint32_t silent_s, uint32_t unacked, uint8_t probes, uint32_t rto_ms,
                         uint8_t backoff)
{
    const struct tcp_info info = {.tcpi_last_ack_recv = silent_s * 1000,
                                  .tcpi_unacked = unacked,
                                  .tcpi_probes = probes,
                                  .tcpi_rto = rto_ms * 1000,
                                  .tcpi_backoff = backoff};

    return stream_has_vanished(&info);
}

static void check_vanished(void)
{
    /* Nothing was sent that could be answered: keepalive's turn. */
    CHECK(!has_vanished(3600, 0, 0, 200, 0) && !has_vanished(3600, 0, 0, 200, 9));
    /* Data that is not acknowledged, and is sent again after 200 ms, then twice as long each time. */
    CHECK(!has_vanished(60, 1, 0, 51200, 8) && !has_vanished(89, 1, 0, 51200, 8));
    CHECK(has_vanished(90, 1, 0, 51200, 8) && has_vanished(113, 1, 0, 102400, 9));
    /* It was not sent again yet, or just now. */
    CHECK(!has_vanished(100, 1, 0, 120000, 10) && !has_vanished(121, 1, 0, 120000, 10));
    CHECK(has_vanished(130, 1, 0, 120000, 10) && has_vanished(130, 1, 0, 240000, 11));
    /* A reader that takes nothing answers probes of its closed window, in the end every 120 s. */
    CHECK(!has_vanished(119, 0, 0, 200, 10) && !has_vanished(121, 0, 1, 200, 10));
    CHECK(has_vanished(130, 0, 1, 200, 10) && has_vanished(130, 0, 1, 200, 255));
    CHECK(has_vanished(90, 0, 8, 200, 8) && !has_vanished(89, 0, 8, 200, 8));
    /* With TCP_RTO_MAX_MS. */
    CHECK(has_vanished(90, 1, 0, 30000, 12) && !has_vanished(31, 0, 1, 30000, 0));
}

int main(void)
{
    check_lines();
    check_long_lines();
    check_much();
    check_bytes();
    check_await();
    check_limit((struct stream_limits){.silence_ms = SHORT_MS}, "", true);
    check_limit((struct stream_limits){.silence_ms = SHORT_MS}, "", false);
    check_limit((struct stream_limits){.stall_ms = SHORT_MS}, "", false);
    check_limit((struct stream_limits){.line_ms = SHORT_MS}, "LI", true);
    check_limit((struct stream_limits){.total_ms = SHORT_MS}, "", false);
    check_line_limit();
    check_own_time();
    check_stall();
    check_signs_of_life();
    check_write_limit();
    check_total_limit();
    check_flood("WAIT\n", false);
    check_flood("1\nx\n", false);
    check_flood("WAIT\n", true);
    check_lost_writer();
    check_room();
    check_drain();
    check_finish();
    check_listening();
    check_sending();
    check_wake();
    check_pipes();
    check_vanished();
    return 0;
}
