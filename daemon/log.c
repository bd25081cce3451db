#include "daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "daemon/peer.h"
#include "daemon/settings.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/utf8.h"

enum {
    LINE_ROOM = 3584,
    VALUE_ROOM = 1024, /* longer values are cut */
    HEAD_ROOM = 64,    /* for what syslog or the journal wants before a line */
    PATIENCE_MS = 100, /* for a reader of the log that is slow */
    REFUSALS_MOST = 10,
    REFUSALS_MS = 60000, /* the time in which so many of one client are logged */
    LIMITED_MOST = 50,
    LIMITED_MS = 10000, /* the time in which so many of a kind are logged */
};

/* A line and its head go into a pipe in one piece (PIPE_BUF). */
_Static_assert(LINE_ROOM + HEAD_ROOM <= 4096, "lines of several processes do not mix");

/* All set at the start, before there are sessions; the level also by a reload. */
static int log_fd = STDERR_FILENO;
static bool is_syslog;
static bool is_stream;      /* syslog is a stream, in which a NUL ends each line */
static bool is_journal;     /* stderr is the journal of systemd */
static bool is_socket;      /* what the log is written to */
static bool is_shared_pipe; /* the same: other processes write to it, and may expect to block */
static enum log_level most = LOG_LEVEL_INFO;

static struct counters own;
static struct counters *counters = &own; /* those of the daemon, from log_open() on */

static const int priorities[] = {
    [LOG_LEVEL_CRITICAL] = LOG_CRIT,   [LOG_LEVEL_ERROR] = LOG_ERR,
    [LOG_LEVEL_WARNING] = LOG_WARNING, [LOG_LEVEL_INFO] = LOG_INFO,
    [LOG_LEVEL_DEBUG] = LOG_DEBUG,
};

/* Where the log goes. */

/*
 * Is stderr the journal? systemd.exec(5): JOURNAL_STREAM has device and inode of the journal's
 * socket, and stderr may have been redirected since.
 */
static bool is_stream_of_journal(const struct stat *status)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char text[64];

    (void)snprintf(text, sizeof text, "%llu:%llu", (unsigned long long)status->st_dev,
                   (unsigned long long)status->st_ino);
    return stream != NULL && strcmp(text, stream) == 0;
}

/*
 * Opens stderr once more. The status flags of the caller's description are shared with other
 * processes and stay as they are. A pipe or terminal that a reader or Ctrl-S may stop gets a
 * description of our own, if the user that runs fsd may open it.
 */
static int open_stderr(void)
{
    struct stat status = {.st_mode = 0};
    int fd = -1;

    (void)fstat(STDERR_FILENO, &status);
    is_journal = is_stream_of_journal(&status);
    is_socket = S_ISSOCK(status.st_mode);
    if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))
        fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    is_shared_pipe = fd < 0 && S_ISFIFO(status.st_mode);
    return fd >= 0 ? fd : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
}

/* Connects to /dev/log, of whatever type that is; syslog(3) would wait for a reader. */
static bool connect_syslog(void)
{
    static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    static const int types[] = {SOCK_DGRAM, SOCK_STREAM};
    bool is_connected = false;

    for (size_t i = 0; !is_connected && i < sizeof types / sizeof types[0]; i++) {
        int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        is_connected = fd >= 0 &&
                       connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                       dup3(fd, log_fd, log_fd > STDERR_FILENO ? O_CLOEXEC : 0) >= 0;
        is_stream = is_connected && types[i] == SOCK_STREAM;
        descriptor_close(fd);
    }
    return is_connected;
}

static int open_file(const char *path)
{
    /* A FIFO that nobody reads is an error. */
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
}

int log_open(const char *to, bool is_foreground, struct counters *shared)
{
    bool is_file = to[0] == '/';

    counters = shared;
    is_syslog = strcmp(to, "syslog") == 0 || (strcmp(to, "auto") == 0 && !is_foreground);
    /* Until syslog is connected, its place is taken. */
    int fd = is_file     ? open_file(to)
             : is_syslog ? open("/dev/null", O_WRONLY | O_CLOEXEC)
                         : open_stderr();
    if (fd < 0)
        return -1;
    log_fd = fd;
    if (is_syslog) {
        is_socket = true;
        tzset();
        (void)connect_syslog();
    }
    return 0;
}

int log_check(const char *to)
{
    if (to[0] != '/')
        return 0;
    int fd = open(to, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? descriptor_access_new(to) : -1;
    (void)close(fd);
    return 0;
}

int log_reopen(const char *to)
{
    int fd = -1;

    if (to[0] != '/')
        return 0;
    if ((fd = open_file(to)) < 0)
        return -1;
    (void)dup2(fd, log_fd);
    (void)close(fd);
    return 1;
}

void log_become_stderr(void)
{
    if (log_fd == STDERR_FILENO)
        return;
    (void)dup2(log_fd, STDERR_FILENO);
    (void)close(log_fd);
    log_fd = STDERR_FILENO;
}

void log_set_level(enum log_level level)
{
    most = level;
}

/* Lines. */

/*
 * Adds a pair: in a quoted value a backslash precedes '"' and '\\'. What has no room in the line is
 * left out, but quotes are always closed.
 */
static void add(char line[LINE_ROOM], const char *key, const char *value)
{
    char clean[VALUE_ROOM];
    size_t before = strlen(line);
    size_t length = utf8_clean(value, strlen(value), clean, sizeof clean);
    bool quoted = length == 0 || strpbrk(clean, " \"=\\") != NULL;
    size_t used = before + (size_t)snprintf(line + before, LINE_ROOM - before, "%s%s=%s",
                                            before > 0 ? " " : "", key, quoted ? "\"" : "");

    for (size_t i = 0; i < length && used + sizeof "\\1234\"" <= LINE_ROOM;) {
        uint32_t character = 0;
        size_t size = utf8_decode(clean + i, length - i, &character);
        if (character == '"' || character == '\\')
            line[used++] = '\\';
        memcpy(line + used, clean + i, size);
        used += size;
        i += size;
    }
    if (used + sizeof "\"" > LINE_ROOM)
        used = before;
    else if (quoted)
        line[used++] = '"';
    line[used] = '\0';
}

static void begin_line(enum log_level level, const char *what, char line[LINE_ROOM])
{
    struct timespec now;
    struct tm utc;
    size_t length = 0;

    line[0] = '\0';
    if (!is_syslog && !is_journal) {
        (void)clock_gettime(CLOCK_REALTIME, &now);
        length = strftime(line, LINE_ROOM, "time=%FT%T", gmtime_r(&now.tv_sec, &utc));
        (void)snprintf(line + length, LINE_ROOM - length, ".%03ldZ", now.tv_nsec / 1000000);
        add(line, "level", log_level_words[level]);
    }
    add(line, "msg", what);
}

/*
 * Writes text, with its NUL where that ends a line; or nothing, if that would take longer than
 * `patience_ms`. Returns as write(2).
 */
static ssize_t write_soon(char *text, size_t length, int patience_ms)
{
    struct pollfd polled = {.fd = log_fd, .events = POLLOUT};
    const struct iovec bytes = {.iov_base = text, .iov_len = length};
    ssize_t written = -1;
    bool is_full = poll(&polled, 1, patience_ms) == 0;

    if (is_socket) {
        written = send(log_fd, text, length + is_stream, MSG_DONTWAIT | MSG_NOSIGNAL);
        return written > 0 ? written - is_stream : written;
    }
    if (is_full)
        return -1;
    /* Another process may have taken the room that poll(2) saw. Kernels before 6.4 cannot tell. */
    errno = EOPNOTSUPP;
    if (is_shared_pipe)
        written = pwritev2(log_fd, &bytes, 1, -1, RWF_NOWAIT);
    return written >= 0 || errno == EAGAIN ? written : write(log_fd, text, length);
}

/*
 * Gives a line its head and end, and writes it in one piece, so that lines of several processes do
 * not mix. Returns false when the line was dropped.
 */
static bool write_line(enum log_level level, const char *line, int patience_ms)
{
    char text[HEAD_ROOM + LINE_ROOM];
    char head[HEAD_ROOM] = "";
    char when[24];
    struct tm local;
    time_t now = time(NULL);
    bool is_torn = counter_read(&counters->log_is_torn) > 0;

    if (is_syslog) {
        /* As syslog(3) has it (RFC 3164, 4.1). */
        (void)strftime(when, sizeof when, "%b %e %T", localtime_r(&now, &local));
        (void)snprintf(head, sizeof head, "<%d>%s fsd[%ld]: ", LOG_DAEMON | priorities[level], when,
                       (long)getpid());
    } else if (is_journal) {
        (void)snprintf(head, sizeof head, "<%d>", priorities[level]);
    }
    int length = snprintf(text, sizeof text, "%s%s%s%s", is_torn ? "\n" : "", head, line,
                          is_syslog ? "" : "\n");
    ssize_t written = write_soon(text, (size_t)length, patience_ms);
    if (written < 0 && is_syslog && errno != EAGAIN && connect_syslog())
        written = write_soon(text, (size_t)length, 0);
    /* On a full disk, only the beginning of a line may be written. */
    if (written > 0 && (is_torn || written < length))
        atomic_store(&counters->log_is_torn, written < length);
    return written == length;
}

void log_event(enum log_level level, const char *what, ...)
{
    char line[LINE_ROOM];
    char number[LOG_NUMBER_ROOM];
    va_list pairs;
    const char *key = NULL;
    uint64_t unsaid = 0;
    bool is_written = true;

    if (level > most)
        return;
    if (counter_read(&counters->log_unsaid) > 0)
        unsaid = atomic_exchange(&counters->log_unsaid, 0);
    /* Do not wait for a reader that has not taken the last line. */
    int patience_ms = unsaid > 0 ? 0 : PATIENCE_MS;
    if (unsaid > 0) {
        begin_line(LOG_LEVEL_ERROR, "lines of the log were dropped", line);
        add(line, "lines", log_number((int64_t)unsaid, number));
        is_written = write_line(LOG_LEVEL_ERROR, line, patience_ms);
        unsaid = is_written ? 0 : unsaid;
    }
    begin_line(level, what, line);
    va_start(pairs, what);
    while ((key = va_arg(pairs, const char *)) != NULL) {
        const char *value = va_arg(pairs, const char *);
        if (value != NULL)
            add(line, key, value);
    }
    va_end(pairs);
    if (is_written && write_line(level, line, patience_ms))
        return;
    counter_add(&counters->log_dropped, 1);
    counter_add(&counters->log_unsaid, unsaid + 1);
}

const char *log_number(int64_t number, char text[LOG_NUMBER_ROOM])
{
    (void)snprintf(text, LOG_NUMBER_ROOM, "%lld", (long long)number);
    return text;
}

bool log_admits(enum log_limited kind)
{
    static const char *const keys[] = {[LOG_FAILURES] = "failures", [LOG_CRASHES] = "crashes"};
    uint64_t window = (uint64_t)clock_ms() / LIMITED_MS;
    uint64_t before = atomic_exchange(&counters->windows[kind], window);
    uint64_t last = before != window ? atomic_exchange(&counters->limited[kind], 0) : 0;
    uint64_t count = atomic_fetch_add(&counters->limited[kind], 1) + 1;
    char number[LOG_NUMBER_ROOM];

    if (last > LIMITED_MOST) {
        log_event(LOG_LEVEL_WARNING, "lines were not logged", keys[kind],
                  log_number((int64_t)last - LIMITED_MOST, number), NULL);
    }
    if (count == LIMITED_MOST + 1)
        log_event(LOG_LEVEL_WARNING, "further lines are not logged for up to 10 s", "about",
                  keys[kind], NULL);
    return count <= LIMITED_MOST;
}

/* The refusals of a client, or of all others when there is no room for it. */
static struct refusals *find_refusals(uint64_t client, bool is_known)
{
    size_t room = is_known ? COUNTERS_CLIENTS : COUNTERS_CLIENTS / 2;

    for (size_t i = 0; i < COUNTERS_CLIENTS; i++) {
        if (counter_read(&counters->refusals[i].client) == client)
            return &counters->refusals[i];
    }
    for (size_t i = 0; i < room; i++) {
        struct refusals *refusals = &counters->refusals[i];
        uint64_t none = 0;
        if (atomic_compare_exchange_strong(&refusals->client, &none, client)) {
            atomic_store(&refusals->since_ms, (uint64_t)clock_ms());
            return refusals;
        }
    }
    return &counters->refusals[COUNTERS_CLIENTS];
}

/* Begins another minute, after `age_ms` of this one. After one without refusals there is room again. */
static void sum_up(struct refusals *refusals, uint64_t age_ms)
{
    uint64_t now_ms = (uint64_t)clock_ms();
    uint64_t since_ms = counter_read(&refusals->since_ms);
    uint64_t client = counter_read(&refusals->client);
    char number[LOG_NUMBER_ROOM];
    char peer[PEER_ROOM];

    if (since_ms + age_ms > now_ms ||
        !atomic_compare_exchange_strong(&refusals->since_ms, &since_ms, now_ms))
        return;
    uint64_t count = atomic_exchange(&refusals->count, 0);
    if (count > REFUSALS_MOST)
        log_event(LOG_LEVEL_WARNING, "refusals were not logged", "client",
                  client > 0 ? peer_describe(client - 1, peer) : "others", "refusals",
                  log_number((int64_t)count - REFUSALS_MOST, number), NULL);
    else if (count == 0 && client > 0)
        (void)atomic_compare_exchange_strong(&refusals->client, &client, 0);
}

bool log_admits_refusal(uint64_t peer, bool is_known)
{
    struct refusals *refusals = find_refusals(peer + 1, is_known);

    sum_up(refusals, REFUSALS_MS);
    return atomic_fetch_add(&refusals->count, 1) < REFUSALS_MOST;
}

void log_sum_up_refusals(bool at_once)
{
    for (size_t i = 0; i <= COUNTERS_CLIENTS; i++)
        sum_up(&counters->refusals[i], at_once ? 0 : REFUSALS_MS);
}
