/*
 * A load generator for fsd/1, with one epoll(7) for all of its clients, so that the daemon and not
 * the generator is what is measured.
 *
 *     load SOCKET start COUNT                     sessions one after another, each with one LIST
 *     load SOCKET get CLIENTS MILLISECONDS NAME   each client fetches the file again and again
 *     load SOCKET put CLIENTS MILLISECONDS NAME   each client stores files NAME-..., sent ahead
 *
 * Clients send their next request when the last one is answered. Counting begins when each has been
 * answered once. What was measured is one line: answers and bytes in a second; median, 99th
 * percentile and most of the microseconds for one answer.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    PUT_SIZE = 1024,
    REQUEST_ROOM = 2048,
    LINE_ROOM = 512,
    READ_ROOM = 256 * 1024,
    EVENTS = 64,
    SILENCE_MS = 60000, /* without any answer it is over */
};

struct client {
    int fd;
    uint64_t skip; /* bytes of an item that are still to come, with their LF */
    char line[LINE_ROOM];
    size_t line_length;
    bool in_body;
    bool warm; /* was answered once */
    int64_t asked_us;
};

/* What is done, and what has come of it. */
struct load {
    struct sockaddr_un address;
    bool is_put;
    const char *name;
    size_t clients;
    size_t warm;
    uint64_t files; /* names that were used */
    uint64_t bytes;
    uint32_t *times_us;
    size_t count;
    size_t room;
    int64_t started_us; /* 0: not yet counting */
};

static _Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)fputs("load: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_FAILURE);
}

static int64_t clock_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static size_t parse_number(const char *text)
{
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || number == 0)
        die("%s is no number above 0", text);
    return number;
}

static int connect_to(const struct load *load)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&load->address, sizeof load->address) < 0)
        die("%s: %s", load->address.sun_path, strerror(errno));
    return fd;
}

/* Requests are small: they fit into the socket's buffer at once. */
static void send_all(int fd, const char *bytes, size_t length)
{
    ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

    if (sent < 0 || (size_t)sent != length)
        die("send: %s", sent < 0 ? strerror(errno) : "not all was taken");
}

static void note_time(struct load *load, int64_t us)
{
    if (load->count == load->room) {
        load->room = load->room > 0 ? 2 * load->room : 65536;
        load->times_us = reallocarray(load->times_us, load->room, sizeof *load->times_us);
        if (load->times_us == NULL)
            die("%s", strerror(errno));
    }
    load->times_us[load->count++] = (uint32_t)us;
}

static int compare_times(const void *left, const void *right)
{
    uint32_t first = *(const uint32_t *)left;
    uint32_t second = *(const uint32_t *)right;

    return (first > second) - (first < second);
}

static void print_result(struct load *load, int64_t us)
{
    if (load->count == 0)
        die("nothing was answered in time");
    qsort(load->times_us, load->count, sizeof *load->times_us, compare_times);
    (void)printf("rate=%.1f bytes=%.0f median=%u p99=%u most=%u\n",
                 (double)load->count * 1e6 / (double)us, (double)load->bytes * 1e6 / (double)us,
                 load->times_us[load->count / 2], load->times_us[load->count * 99 / 100],
                 load->times_us[load->count - 1]);
}

/* A whole session: connect, one request, the answer, the end. */
static void run_session(struct load *load)
{
    static const char requests[] = "LIST empty\nQUIT\n";
    static const char expected[] = "EMPTY\n";
    char answer[LINE_ROOM];
    size_t length = 0;
    ssize_t got = 0;
    int64_t start = clock_us();
    int fd = connect_to(load);

    send_all(fd, requests, sizeof requests - 1);
    while ((got = read(fd, answer + length, sizeof answer - length)) > 0)
        length += (size_t)got;
    (void)close(fd);
    note_time(load, clock_us() - start);
    if (length != sizeof expected - 1 || memcmp(answer, expected, length) != 0)
        die("LIST was answered: %.*s", (int)length, answer);
}

static void run_sessions(struct load *load, size_t count)
{
    int64_t start = clock_us();

    for (size_t i = 0; i < count; i++)
        run_session(load);
    print_result(load, clock_us() - start);
}

static void ask(struct load *load, struct client *client)
{
    static const char body[PUT_SIZE];
    char request[REQUEST_ROOM];
    int length = 0;

    if (load->is_put) {
        length = snprintf(request, sizeof request, "PUT %s-%llu size=%d eager=1\n%d\n", load->name,
                          (unsigned long long)load->files++, PUT_SIZE, PUT_SIZE);
        memcpy(request + length, body, sizeof body);
        length += PUT_SIZE;
        length += snprintf(request + length, sizeof request - (size_t)length, "\nEND\n");
    } else {
        length = snprintf(request, sizeof request, "GET %s\n", load->name);
    }
    client->asked_us = clock_us();
    send_all(client->fd, request, (size_t)length);
}

/* A request is answered: the next one. */
static void take_answer(struct load *load, struct client *client)
{
    client->in_body = false;
    if (load->started_us > 0)
        note_time(load, clock_us() - client->asked_us);
    else if (!client->warm)
        load->warm++;
    client->warm = true;
    if (load->started_us == 0 && load->warm == load->clients)
        load->started_us = clock_us();
    ask(load, client);
}

static void take_line(struct load *load, struct client *client, const char *line)
{
    bool is_answer = !client->in_body && strncmp(line, "OK ", 3) == 0;

    if (strcmp(line, "WAIT") == 0)
        return;
    if (client->in_body && line[0] >= '1' && line[0] <= '9')
        client->skip = strtoull(line, NULL, 10) + 1;
    else if ((is_answer && load->is_put) || (client->in_body && strncmp(line, "END", 3) == 0))
        take_answer(load, client);
    else if (is_answer)
        client->in_body = true;
    else
        die("answered: %s", line);
}

/* Takes a part of a line, or a whole one with its LF; returns how many bytes that are. */
static size_t take_text(struct load *load, struct client *client, const char *bytes, size_t length)
{
    const char *end = memchr(bytes, '\n', length);
    size_t part = end != NULL ? (size_t)(end - bytes) : length;

    if (part >= LINE_ROOM - client->line_length)
        die("a line is too long");
    memcpy(client->line + client->line_length, bytes, part);
    client->line_length += part;
    if (end == NULL)
        return part;
    client->line[client->line_length] = '\0';
    client->line_length = 0;
    take_line(load, client, client->line);
    return part + 1;
}

static void take_bytes(struct load *load, struct client *client, const char *bytes, size_t length)
{
    if (load->started_us > 0)
        load->bytes += length;
    while (length > 0) {
        size_t used = client->skip < length ? (size_t)client->skip : length;
        client->skip -= used;
        if (used == 0)
            used = take_text(load, client, bytes, length);
        bytes += used;
        length -= used;
    }
}

static void read_answers(struct load *load, struct client *client)
{
    static char bytes[READ_ROOM];
    ssize_t got = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (got > 0)
        take_bytes(load, client, bytes, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        die("a session was lost: %s", got == 0 ? "closed" : strerror(errno));
}

static void run_clients(struct load *load, int64_t duration_us)
{
    struct client *clients = calloc(load->clients, sizeof *clients);
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (clients == NULL || epoll < 0)
        die("%s", strerror(errno));
    for (size_t i = 0; i < load->clients; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
        clients[i].fd = connect_to(load);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event) < 0)
            die("%s", strerror(errno));
    }
    for (size_t i = 0; i < load->clients; i++)
        ask(load, &clients[i]);
    while (load->started_us == 0 || clock_us() < load->started_us + duration_us) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, SILENCE_MS);
        if (count == 0)
            die("no answer for %d s", SILENCE_MS / 1000);
        for (int i = 0; i < count; i++)
            read_answers(load, events[i].data.ptr);
    }
    print_result(load, clock_us() - load->started_us);
    for (size_t i = 0; i < load->clients; i++)
        (void)close(clients[i].fd);
    (void)close(epoll);
    free(clients);
}

static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    struct load load = {.address = {.sun_family = AF_UNIX}};

    if (argc < 4 || strlen(argv[1]) >= sizeof load.address.sun_path)
        die("usage: load SOCKET start COUNT | get CLIENTS MILLISECONDS NAME | put ...");
    memcpy(load.address.sun_path, argv[1], strlen(argv[1]) + 1);
    raise_descriptors();
    load.clients = parse_number(argv[3]);
    load.is_put = strcmp(argv[2], "put") == 0;
    if (argc == 4 && strcmp(argv[2], "start") == 0) {
        run_sessions(&load, load.clients);
    } else if (argc == 6 && (load.is_put || strcmp(argv[2], "get") == 0)) {
        load.name = argv[5];
        run_clients(&load, (int64_t)parse_number(argv[4]) * 1000);
    } else {
        die("%s: wrong usage", argv[2]);
    }
    free(load.times_us);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
