#include "daemon/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/log.h"
#include "protocol/address.h"
#include "protocol/descriptor.h"
#include "protocol/reason.h"

enum {
    BACKLOG = 1024,
    LOCK_TRIES = 200,
    LOCK_PAUSE_MS = 10,
};

static const char not_loopback[] = "not a loopback address; connections without encryption are "
                                   "accepted from this machine only";
static const char too_many[] = "too many addresses";

/* Errors of the settings have a reason of their own. */
static int fail(char fault[LISTENER_FAULT_ROOM], const char *address, const char *cause)
{
    (void)snprintf(fault, LISTENER_FAULT_ROOM, "cannot listen on %.200s: %.200s", address, cause);
    return cause == not_loopback || cause == too_many ? -REASON_USAGE : -REASON_INTERNAL;
}

static void add(struct listener *listener, int fd, enum address_kind kind, const char *path)
{
    struct stat status = {.st_ino = 0};
    size_t place = listener->count++;

    if (path[0] != '\0')
        (void)stat(path, &status);
    listener->sockets[place].fd = fd;
    listener->sockets[place].kind = kind;
    listener->sockets[place].device = status.st_dev;
    listener->sockets[place].inode = status.st_ino;
    memcpy(listener->sockets[place].path, path, strlen(path) + 1);
}

/*
 * Locks the folder of a socket, so that only one of two daemons that start at the same time checks
 * and replaces the socket. Anybody who may read the folder can hold the lock, so the wait is short,
 * and the daemon starts even without the lock.
 */
static int lock_folder(const char *path)
{
    char folder[sizeof((struct sockaddr_un *)NULL)->sun_path];
    const char *slash = strrchr(path, '/');

    (void)snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int tries = 0; fd >= 0 && tries < LOCK_TRIES; tries++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            break;
        (void)poll(NULL, 0, LOCK_PAUSE_MS);
    }
    return fd;
}

/* Replaces a socket on which nobody listens. Returns NULL, or what went wrong. */
static const char *bind_unix(int fd, const struct sockaddr_un *address, mode_t mode)
{
    const struct sockaddr *any = (const struct sockaddr *)address;
    int bound = bind(fd, any, sizeof *address);

    if (bound < 0 && errno == EADDRINUSE) {
        struct stat status;
        if (lstat(address->sun_path, &status) < 0)
            return strerror(errno);
        if (!S_ISSOCK(status.st_mode))
            return "the path exists and is not a socket";
        int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (client < 0)
            return strerror(errno);
        bool is_dead = connect(client, any, sizeof *address) < 0 && errno == ECONNREFUSED;
        (void)close(client);
        if (!is_dead)
            return "another daemon is listening there";
        bound = unlink(address->sun_path) == 0 ? bind(fd, any, sizeof *address) : -1;
    }
    if (bound < 0 || chmod(address->sun_path, mode) < 0 || listen(fd, BACKLOG) < 0)
        return strerror(errno);
    return NULL;
}

static int open_unix(struct listener *listener, const char *path, mode_t mode,
                     char fault[LISTENER_FAULT_ROOM])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (listener->count == LISTENER_SOCKETS_MOST)
        return fail(fault, path, too_many);
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(fault, path, strerror(errno));
    int lock = lock_folder(path);
    const char *wrong = lock < 0 ? strerror(errno) : bind_unix(fd, &address, mode);
    if (wrong == NULL)
        add(listener, fd, ADDRESS_UNIX, path);
    else
        descriptor_close(fd);
    descriptor_close(lock);
    return wrong == NULL ? 0 : fail(fault, path, wrong);
}

/* Opens all addresses of a host. */
static int open_plain(struct listener *listener, const struct address *address,
                      char fault[LISTENER_FAULT_ROOM])
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    const char *wrong = NULL;
    const int on = 1;
    int code = getaddrinfo(address->host, address->port, &hints, &found);

    if (code != 0)
        return fail(fault, address->text, gai_strerror(code));
    for (const struct addrinfo *info = found; wrong == NULL && info != NULL; info = info->ai_next) {
        int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0)
            (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (fd >= 0 && info->ai_family == AF_INET6)
            (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (!address_is_loopback(info->ai_addr))
            wrong = not_loopback;
        else if (listener->count == LISTENER_SOCKETS_MOST)
            wrong = too_many;
        else if (fd < 0 || bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
            wrong = strerror(errno);
        if (wrong == NULL)
            add(listener, fd, ADDRESS_PLAIN, "");
        else
            descriptor_close(fd);
    }
    freeaddrinfo(found);
    return wrong == NULL ? 0 : fail(fault, address->text, wrong);
}

/* Logs where a socket listens, for TCP with the port that the system chose for port 0. */
static void log_address(int fd)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    const struct sockaddr_un *local = (const void *)&address;
    socklen_t length = sizeof address;
    char host[NI_MAXHOST] = "";
    char port[NI_MAXSERV] = "";
    char text[NI_MAXHOST + NI_MAXSERV + 16];

    (void)getsockname(fd, (struct sockaddr *)&address, &length);
    if (address.ss_family == AF_UNIX)
        /* Names in the abstract namespace begin with NUL, which is written as '@' (unix(7)). */
        (void)snprintf(text, sizeof text, "%s%.*s", local->sun_path[0] == '\0' ? "@" : "",
                       (int)sizeof local->sun_path - 1,
                       local->sun_path + (local->sun_path[0] == '\0'));
    else if (getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port, sizeof port,
                         NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        (void)snprintf(text, sizeof text,
                       strchr(host, ':') != NULL ? "plain:[%s]:%s" : "plain:%s:%s", host, port);
    else
        (void)snprintf(text, sizeof text, "unknown");
    log_event(LOG_LEVEL_INFO, "listening", "address", text, NULL);
}

/* Takes the sockets that systemd opened. */
static int take_given(struct listener *listener, const struct systemd *systemd,
                      char fault[LISTENER_FAULT_ROOM])
{
    for (int i = 0; i < systemd->socket_count; i++) {
        struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
        socklen_t length = sizeof address;
        int type = 0;
        int listens = 0;
        socklen_t size = sizeof type;
        char subject[40];
        int fd = SYSTEMD_FIRST_SOCKET + i;
        const char *wrong = NULL;

        if (listener->count == LISTENER_SOCKETS_MOST)
            wrong = too_many;
        else if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM ||
                 getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || listens == 0 ||
                 getsockname(fd, (struct sockaddr *)&address, &length) < 0)
            wrong = "not a listening stream socket (use ListenStream= with Accept=no)";
        bool is_unix = address.ss_family == AF_UNIX;
        if (wrong == NULL && !is_unix && !systemd_socket_is_called(systemd, i, "plain"))
            wrong = "a TCP socket is not encrypted, and needs FileDescriptorName=plain";
        else if (wrong == NULL && !is_unix && !address_is_loopback((struct sockaddr *)&address))
            wrong = not_loopback;
        /* Others may share it, but only to accept: nobody may wait for what another one has taken. */
        else if (wrong == NULL &&
                 (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0))
            wrong = strerror(errno);
        if (wrong != NULL) {
            (void)snprintf(subject, sizeof subject, "descriptor %d from systemd", fd);
            (void)fail(fault, subject, wrong);
            return -REASON_USAGE;
        }
        add(listener, fd, is_unix ? ADDRESS_UNIX : ADDRESS_PLAIN, "");
    }
    return 0;
}

int listener_open(struct listener *listener, const struct settings *settings,
                  const struct systemd *systemd, char fault[LISTENER_FAULT_ROOM])
{
    static const char *const of_sockets[] = {"listen", "socket_mode"};

    *listener = (struct listener){.is_given = systemd->socket_count > 0};
    for (size_t i = 0; listener->is_given && i < sizeof of_sockets / sizeof of_sockets[0]; i++) {
        const struct setting *row = configuration_find(settings_table, of_sockets[i]);
        if (!configuration_is_default(&settings->configuration, row))
            log_event(LOG_LEVEL_WARNING, "systemd opened the sockets: a setting is ignored",
                      "setting", row->name, NULL);
    }
    int code = take_given(listener, systemd, fault);
    for (size_t i = 0; !listener->is_given && code == 0 && i < settings->listen.count; i++) {
        struct address address;
        /* Cannot fail: the settings were checked. */
        (void)address_parse(settings->listen.texts[i], &address);
        code = address.kind == ADDRESS_UNIX
                   ? open_unix(listener, address.rest, (mode_t)settings->socket_mode, fault)
                   : open_plain(listener, &address, fault);
    }
    if (code < 0) {
        listener_remove(listener);
        return code;
    }
    for (size_t i = 0; i < listener->count; i++)
        log_address(listener->sockets[i].fd);
    return 0;
}

void listener_remove(struct listener *listener)
{
    for (size_t i = 0; i < listener->count; i++) {
        struct stat status;
        const char *path = listener->sockets[i].path;
        if (path[0] != '\0' && lstat(path, &status) == 0 &&
            status.st_ino == listener->sockets[i].inode &&
            status.st_dev == listener->sockets[i].device)
            (void)unlink(path);
    }
    while (listener->count > 0)
        (void)close(listener->sockets[--listener->count].fd);
}
