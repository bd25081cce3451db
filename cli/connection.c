#include "cli/connection.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/output.h"
#include "protocol/body.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/digest.h"
#include "protocol/socket.h"
#include "protocol/value.h"

enum {
    CHILD_MS = 3000, /* a command may take to end once its stream is closed, and after TERM */
};

/* connect(2) within a limit: SO_SNDTIMEO bounds it, also on Unix sockets (socket(7)). */
static int connect_within(int fd, const struct sockaddr *address, socklen_t length,
                          int64_t limit_ms)
{
    const struct timeval limit = {.tv_sec = limit_ms / 1000, .tv_usec = limit_ms % 1000 * 1000};

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, address, length) == 0)
        return 0;
    if (errno == EINPROGRESS || errno == EAGAIN)
        errno = ETIMEDOUT;
    return -1;
}

static int complain_connect(const struct settings *settings)
{
    enum reason reason = errno == ETIMEDOUT                  ? REASON_TIMEOUT
                         : errno == EACCES || errno == EPERM ? REASON_DENIED
                                                             : REASON_LOST;
    return complain_errno(reason, settings->server.text, "cannot connect");
}

static int open_unix(const struct settings *settings, int *ret)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, settings->server.rest, strlen(settings->server.rest) + 1);
    if (fd < 0 || connect_within(fd, (const struct sockaddr *)&address, sizeof address,
                                 settings->connect_ms) < 0) {
        int code = complain_connect(settings);
        descriptor_close(fd);
        return code;
    }
    *ret = fd;
    return 0;
}

/* One address of the host; -1 with errno set. */
static int try_tcp(const struct addrinfo *info, int64_t limit_ms)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    socket_tune(fd);
    if (connect_within(fd, info->ai_addr, info->ai_addrlen, limit_ms) == 0)
        return fd;
    descriptor_close(fd);
    return -1;
}

static int open_plain(const struct settings *settings, int *ret)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(settings->server.host, settings->server.port, &hints, &found);
    int fd = -1;

    if (code != 0)
        return complain(REASON_LOST, settings->server.text, "cannot find the host: %s",
                        gai_strerror(code));
    for (const struct addrinfo *info = found; fd < 0 && info != NULL; info = info->ai_next) {
        if (!socket_is_loopback(info->ai_addr)) {
            freeaddrinfo(found);
            return complain(REASON_USAGE, settings->server.text,
                            "it is another machine, and plain: is not encrypted");
        }
        fd = try_tcp(info, settings->connect_ms);
    }
    int error = errno;
    freeaddrinfo(found);
    errno = error;
    if (fd < 0)
        return complain_connect(settings);
    *ret = fd;
    return 0;
}

/* The command's stdin and stdout are one end of a socket pair; its stderr is ours. */
static int open_exec(const struct settings *settings, int *ret, pid_t *ret_child)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return complain_errno(REASON_LOST, settings->server.text, "cannot start");
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(pair[1], STDIN_FILENO);
        (void)dup2(pair[1], STDOUT_FILENO);
        (void)execl("/bin/sh", "sh", "-c", settings->server.rest, (char *)NULL);
        _exit(127);
    }
    (void)close(pair[1]);
    if (child < 0) {
        int code = complain_errno(REASON_LOST, settings->server.text, "cannot start");
        (void)close(pair[0]);
        return code;
    }
    *ret = pair[0];
    *ret_child = child;
    return 0;
}

/* Waits for the end of a process, CHILD_MS at most; tells whether it has come. */
static bool has_ended_soon(int handle)
{
    int64_t until = clock_ms() + CHILD_MS;
    struct pollfd polled = {.fd = handle, .events = POLLIN};
    int64_t left = 0;

    while ((left = until - clock_ms()) > 0) {
        int ready = poll(&polled, 1, (int)left);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return ready > 0;
    }
    return false;
}

/*
 * Lets the command end, now that its stream is closed; one that will not is told to, then made to.
 */
static void end_child(pid_t child)
{
    int handle = (int)syscall(SYS_pidfd_open, child, 0);

    if (!has_ended_soon(handle)) {
        (void)kill(child, SIGTERM);
        if (!has_ended_soon(handle))
            (void)kill(child, SIGKILL);
    }
    descriptor_close(handle);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* Reads the line of an answer. */
static int read_answer(struct connection *connection)
{
    for (;;) {
        const char *line = NULL;
        size_t length = 0;
        int code = stream_line(&connection->stream, &line, &length);
        if (code == -REASON_BAD_REQUEST)
            return -REASON_BREACH;
        if (code < 0)
            return code;
        if (item_is_wait(line, length)) {
            code = stream_sign_of_life(&connection->stream);
            if (code < 0)
                return code;
            continue;
        }
        return answer_parse(&connection->answer, line, length) < 0 ? -REASON_BREACH : 0;
    }
}

/* After these the server ends the session, or nothing that it says can be trusted. */
static bool is_final(int code)
{
    switch (-code) {
    case REASON_LOST:
    case REASON_TIMEOUT:
    case REASON_BREACH:
    case REASON_BUSY:
    case REASON_BAD_REQUEST:
    case REASON_UNSUPPORTED:
        return true;
    default:
        return false;
    }
}

void connection_init(struct connection *connection, const struct settings *settings)
{
    connection->settings = settings;
    connection->is_open = false;
    connection->unreachable = false;
    connection->child = 0;
    connection->why[0] = '\0';
}

void connection_close(struct connection *connection)
{
    if (!connection->is_open)
        return;
    stream_close(&connection->stream);
    connection->is_open = false;
    if (connection->child > 0)
        end_child(connection->child);
    connection->child = 0;
}

int connection_ready(struct connection *connection)
{
    const struct settings *settings = connection->settings;
    int fd = -1;
    int code = -REASON_USAGE;

    /* One that was idle for too long may be gone: what is said unasked is of no use. */
    if (connection->is_open && stream_is_quiet(&connection->stream))
        return 0;
    connection_close(connection);
    connection->unreachable = true;
    switch (settings->server.kind) {
    case ADDRESS_UNIX:
        code = open_unix(settings, &fd);
        break;
    case ADDRESS_PLAIN:
        code = open_plain(settings, &fd);
        break;
    case ADDRESS_EXEC:
        code = open_exec(settings, &fd, &connection->child);
        break;
    case ADDRESS_TLS: /* settings_init() has refused it */
        break;
    }
    if (code < 0)
        return code;
    connection->is_open = true;
    if (stream_open(&connection->stream, &stream_plain, NULL, fd, fd, &settings->limits) < 0) {
        code = complain_errno(REASON_LOST, settings->server.text, "cannot connect");
        connection_close(connection);
        return code;
    }
    connection->unreachable = false;
    return 0;
}

int connection_note_failure(struct connection *connection, int code)
{
    (void)snprintf(connection->why, sizeof connection->why, "%s", reason_text(reason_of(code)));
    if (is_final(code))
        connection_close(connection);
    return code;
}

int connection_answer(struct connection *connection, enum answer_kind other)
{
    const struct answer *answer = &connection->answer;
    int code = read_answer(connection);

    if (code == 0 && answer->kind != ANSWER_OK && answer->kind != ANSWER_FAIL &&
        answer->kind != other)
        code = -REASON_BREACH;
    if (code < 0)
        return connection_note_failure(connection, code);
    switch (answer->kind) {
    case ANSWER_OK:
        return 0;
    case ANSWER_EMPTY:
        return connection_note_failure(connection, -REASON_EMPTY);
    case ANSWER_EXISTS:
        return connection_note_failure(connection, -REASON_EXISTS);
    case ANSWER_FAIL:
        break;
    }
    code = connection_note_failure(connection, -(int)answer->reason);
    if (answer->text[0] != '\0')
        (void)snprintf(connection->why, sizeof connection->why, "%s", answer->text);
    return code;
}

int connection_ask(struct connection *connection, enum answer_kind other)
{
    int flushed = stream_flush(&connection->stream);

    stream_expect(&connection->stream);
    /* A server that takes no more may still have said why. */
    int code = connection_answer(connection, other);
    return code == -REASON_LOST && flushed == -REASON_TIMEOUT
               ? connection_note_failure(connection, flushed)
               : code;
}

int connection_push(struct connection *connection)
{
    struct stream *stream = &connection->stream;
    int64_t since = clock_ms();

    while (stream_pending(stream) > 0 && !stream->failed) {
        struct stream_turn turn;
        size_t before = stream->input_end;
        int64_t left = since + connection->settings->limits.write_ms - clock_ms();
        int code = left > 0 ? stream_take_turn(stream, -1, left, &turn) : -REASON_TIMEOUT;
        if (code < 0) {
            stream->failed = true;
            return code;
        }
        /* One that says something is alive. */
        if (turn.sent || stream->input_end != before)
            since = clock_ms();
    }
    return stream->failed ? -REASON_LOST : 0;
}

int connection_number(struct connection *connection, const char *key, int64_t *ret)
{
    const struct field *field = line_option(&connection->answer.line, key);

    if (field != NULL && value_number(field->bytes, field->length, ret))
        return 0;
    return -REASON_BREACH;
}

int connection_digest(struct connection *connection, const char **ret)
{
    const struct field *field = line_option(&connection->answer.line, "digest");

    if (field == NULL || digest_check(field->bytes, field->length) < 0)
        return -REASON_BREACH;
    *ret = field->bytes;
    return 0;
}
