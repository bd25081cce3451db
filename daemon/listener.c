#include "daemon/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/capability.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/log.h"
#include "protocol/address.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"
#include "protocol/reason.h"

enum {
    BACKLOG = 1024,
    LOCK_TRIES = 200,
    LOCK_PAUSE_MS = 10,
    PATIENCE_S = 2, /* for somebody who may be listening */
    PORT_UNPRIVILEGED = 1024,
};

static const char not_loopback[] = "not a loopback address; connections without encryption are "
                                   "accepted from this machine only";
static const char same_port[] = "the port is taken, by another address to listen on or by another "
                                "program";
static const char too_many[] = "too many addresses";
static const char twice[] = "the address is given twice";

/* Errors of the settings have a reason of their own. */
static int fail(char fault[FAULT_LINE_ROOM], const char *address, const char *cause)
{
    (void)snprintf(fault, FAULT_LINE_ROOM, "cannot listen on %.200s: %.200s", address, cause);
    return cause == not_loopback || cause == too_many || cause == twice ? -REASON_USAGE
                                                                        : -REASON_INTERNAL;
}

static struct listener_socket *add(struct listener *listener, int fd, enum address_kind kind,
                                   const void *address, socklen_t length)
{
    struct listener_socket *added = &listener->sockets[listener->count++];

    *added = (struct listener_socket){.fd = fd, .kind = kind};
    memcpy(&added->address, address, length);
    return added;
}

/* Is this the address of one of the sockets from `first` to before `last`? */
static bool is_listed(const struct listener *listener, size_t first, size_t last,
                      const void *address, socklen_t length)
{
    for (size_t i = first; i < last; i++) {
        if (memcmp(&listener->sockets[i].address, address, length) == 0)
            return true;
    }
    return false;
}

/*
 * Opens the folder of a socket, which others (neither root nor this user) must not be able to write:
 * they could replace the socket by their own. Where the sticky bit protects it, they may, as in /tmp.
 * Returns NULL, or what is wrong; the folder is open unless it is -1.
 */
static const char *open_folder(const char *path, int flags, int *ret_fd, struct stat *ret)
{
    char copy[LISTENER_PATH_ROOM];

    (void)snprintf(copy, sizeof copy, "%s", path);
    *ret_fd = open(dirname(copy), flags | O_DIRECTORY | O_CLOEXEC);
    if (*ret_fd < 0 || fstat(*ret_fd, ret) < 0)
        return errno == ENOENT ? "its folder does not exist (make it, or use --listen)"
                               : strerror(errno);
    if (ret->st_uid != 0 && ret->st_uid != geteuid())
        return "its folder belongs to another user, who could replace the socket";
    if ((ret->st_mode & (S_IWGRP | S_IWOTH)) != 0 && (ret->st_mode & S_ISVTX) == 0)
        return "others can write to its folder, and could replace the socket (use chmod go-w)";
    return NULL;
}

/*
 * Locks the folder of a socket, so that only one of two daemons that start at the same time checks
 * and replaces the socket. Anybody who may read the folder can hold the lock, so the wait is short,
 * and the daemon starts even without the lock.
 */
static void lock_folder(int folder, int most_tries)
{
    for (int tries = 0; tries < most_tries; tries++) {
        if (flock(folder, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            break;
        (void)poll(NULL, 0, LOCK_PAUSE_MS);
    }
}

/*
 * May a socket be bound to this path in this folder? There may be nothing, or a socket that is dead
 * and can be removed: then `ret` is its status. Returns NULL, or what is wrong.
 */
static const char *check_path(const struct sockaddr_un *address, int folder, struct stat *ret)
{
    static const char foreign[] = "the socket of another user is there (remove it first)";
    struct stat above;

    if (lstat(address->sun_path, ret) < 0)
        return errno == ENOENT ? NULL : strerror(errno);
    if (!S_ISSOCK(ret->st_mode))
        return "the path exists and is not a socket";
    /* A live socket refuses the wrong type with EPROTOTYPE, and its daemon does not notice. */
    int client = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (client < 0)
        return strerror(errno);
    int error = connect(client, (const struct sockaddr *)address, sizeof *address) < 0 ? errno : 0;
    (void)close(client);
    uid_t self = geteuid();
    bool is_foreign = ret->st_uid != self && self != 0;
    if (error != ECONNREFUSED)
        return is_foreign && error == EACCES ? foreign : "another daemon is listening there";
    /* The sticky bit keeps a dead one for its owner. */
    return is_foreign && fstat(folder, &above) == 0 && above.st_uid != self &&
                   (above.st_mode & S_ISVTX) != 0
               ? foreign
               : NULL;
}

/* Removes the file of a socket from its folder, unless something else has taken its place. */
static void remove_file(int folder, const char *path, const struct stat *file)
{
    const char *name = name_last_component(path);
    struct stat status;

    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        descriptor_is_same(&status, file))
        (void)unlinkat(folder, name, 0);
}

/*
 * bind(2), which gives the file the mode of the socket, less the umask: so it has its mode from the
 * beginning. The umask is that of the whole process; this one, the parent, has no other thread.
 */
static int bind_with_mode(int fd, const struct sockaddr_un *address, mode_t mode)
{
    if (fchmod(fd, mode) < 0)
        return -1;
    mode_t mask = umask(0);
    int code = bind(fd, (const struct sockaddr *)address, sizeof *address);
    (void)umask(mask);
    return code;
}

/*
 * Makes a socket, whose file is in this folder, listen. Replaces one on which nobody listens. Sets
 * `ret_file`. Returns NULL, or what went wrong.
 */
static const char *listen_unix(int fd, const struct sockaddr_un *address, int folder, mode_t mode,
                               struct stat *ret_file)
{
    struct stat dead = {.st_ino = 0};
    int bound = bind_with_mode(fd, address, mode);

    if (bound < 0 && errno == EADDRINUSE) {
        const char *wrong = check_path(address, folder, &dead);
        if (wrong != NULL)
            return wrong;
        remove_file(folder, address->sun_path, &dead);
        bound = bind_with_mode(fd, address, mode);
    }
    if (bound < 0 || listen(fd, BACKLOG) < 0)
        return strerror(errno);
    const char *name = name_last_component(address->sun_path);
    return fstatat(folder, name, ret_file, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(ret_file->st_mode)
               ? NULL
               : "its folder was replaced meanwhile";
}

static int open_unix(struct listener *listener, const char *path, mode_t mode,
                     char fault[FAULT_LINE_ROOM])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    struct stat file;
    int folder = -1;

    memcpy(address.sun_path, path, strlen(path) + 1);
    if (listener->count == LISTENER_SOCKETS_MOST)
        return fail(fault, path, too_many);
    if (is_listed(listener, 0, listener->count, &address, sizeof address))
        return fail(fault, path, twice);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(fault, path, strerror(errno));
    const char *wrong = open_folder(path, listener->is_trial ? O_PATH : O_RDONLY, &folder, &status);
    if (wrong == NULL && listener->is_trial) {
        wrong = check_path(&address, folder, &file);
        if (wrong == NULL && descriptor_access_new(path) < 0)
            wrong = strerror(errno);
    } else if (wrong == NULL) {
        lock_folder(folder, LOCK_TRIES);
        wrong = listen_unix(fd, &address, folder, mode, &file);
    }
    descriptor_close(folder);
    if (wrong != NULL) {
        descriptor_close(fd);
        return fail(fault, path, wrong);
    }
    struct listener_socket *added = add(listener, fd, ADDRESS_UNIX, &address, sizeof address);
    if (!listener->is_trial) {
        memcpy(added->path, path, strlen(path) + 1);
        added->folder_mode = status.st_mode & ALLPERMS;
        added->file = file;
    }
    return 0;
}

/* Ports below a limit need a capability (ip(7), ip_unprivileged_port_start). */
static bool may_bind(unsigned port)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{.effective = 0}};
    char text[16] = "";
    unsigned long free = PORT_UNPRIVILEGED;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");

    if (file != NULL && fgets(text, sizeof text, file) != NULL)
        free = strtoul(text, NULL, 10);
    if (file != NULL)
        (void)fclose(file);
    return port == 0 || port >= free ||
           (syscall(SYS_capget, &header, sets) == 0 &&
            (sets[0].effective & 1U << CAP_NET_BIND_SERVICE) != 0);
}

/* The port of a TCP address: it is in the same place in those of IPv4 and IPv6. */
static unsigned port_of(const struct addrinfo *info)
{
    return ntohs(((const struct sockaddr_in *)(const void *)info->ai_addr)->sin_port);
}

/* Is one of these sockets, of TCP, on the same port? */
static bool is_port_listed(const struct listener *listener, const struct addrinfo *info)
{
    for (size_t i = 0; i < listener->count; i++) {
        const struct sockaddr_in *address = (const void *)&listener->sockets[i].address;
        if (listener->sockets[i].kind != ADDRESS_UNIX && ntohs(address->sin_port) == port_of(info))
            return true;
    }
    return false;
}

/*
 * In a trial: can this address be listened on? Where nobody listens, a connection is refused. Returns
 * 0, or -1 with errno set: EADDRNOTAVAIL if this machine does not have the address.
 */
static int try_tcp(int fd, const struct addrinfo *info)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct sockaddr_storage any_port;

    memcpy(&any_port, info->ai_addr, info->ai_addrlen);
    ((struct sockaddr_in *)(void *)&any_port)->sin_port = 0;
    if (bind(fd, (struct sockaddr *)&any_port, info->ai_addrlen) < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, info->ai_addr, info->ai_addrlen) == 0 || errno == EINPROGRESS)
        errno = EADDRINUSE;
    else if (errno == ECONNREFUSED && may_bind(port_of(info)))
        return 0;
    else if (errno == ECONNREFUSED)
        errno = EACCES;
    return -1;
}

/*
 * Listens on an address, or tries it. With `may_be_absent` it may be one that this machine does not
 * have yet, and is served as soon as it has (ip(7), IP_FREEBIND): then `*ret_is_absent` is set.
 * Returns a descriptor, or -1 with errno set.
 */
static int open_tcp(const struct addrinfo *info, bool is_dual, bool may_be_absent, bool is_trial,
                    bool *ret_is_absent)
{
    const int on = 1;
    const int only_v6 = !is_dual;
    bool is_v6 = info->ai_family == AF_INET6;
    int fd =
        socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | (is_trial ? 0 : SOCK_NONBLOCK), 0);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (is_v6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
    int code = is_trial ? try_tcp(fd, info) : bind(fd, info->ai_addr, info->ai_addrlen);
    *ret_is_absent = code < 0 && errno == EADDRNOTAVAIL && may_be_absent;
    if (*ret_is_absent && is_trial) {
        code = may_bind(port_of(info)) ? 0 : -1;
        errno = EACCES;
    } else if (*ret_is_absent) {
        (void)setsockopt(fd, is_v6 ? IPPROTO_IPV6 : IPPROTO_IP, is_v6 ? IPV6_FREEBIND : IP_FREEBIND,
                         &on, sizeof on);
        code = bind(fd, info->ai_addr, info->ai_addrlen);
    }
    if (code == 0 && (is_trial || listen(fd, BACKLOG) == 0))
        return fd;
    descriptor_close(fd);
    return -1;
}

/* [::] takes IPv4, too, unless 0.0.0.0 with the same port is to be listened on as well. */
static bool takes_both(const struct addrinfo *info, const struct address *address,
                       const struct settings *settings)
{
    const struct sockaddr_in6 *v6 = (const void *)info->ai_addr;
    struct address other;

    if (info->ai_family != AF_INET6 || !IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
        return false;
    for (size_t i = 0; i < settings->listen.count; i++) {
        if (address_parse(settings->listen.texts[i], &other) == NULL &&
            strcmp(other.host, "0.0.0.0") == 0 && strcmp(other.port, address->port) == 0)
            return false;
    }
    return true;
}

/*
 * Opens the addresses of a host: all of those that this machine has, which may have no IPv6. A host
 * that is written as an address may be one that the machine has only later.
 */
static int open_host(struct listener *listener, const struct address *address,
                     const struct settings *settings, char fault[FAULT_LINE_ROOM])
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    const char *wrong = NULL;
    char cause[128];
    size_t first = listener->count;
    bool may_be_remote = address->kind == ADDRESS_TLS || settings->allow_unencrypted_network;
    bool is_absent = false;
    int absent = EADDRNOTAVAIL;
    int code = getaddrinfo(address->host, address->port, &hints, &found);
    bool is_numeric = code == 0;

    hints.ai_flags = AI_PASSIVE;
    if (!is_numeric)
        code = getaddrinfo(address->host, address->port, &hints, &found);
    if (code != 0) {
        (void)snprintf(cause, sizeof cause, "%s (fsd looks up names only when it starts)",
                       gai_strerror(code));
        return fail(fault, address->text, cause);
    }
    for (const struct addrinfo *info = found; wrong == NULL && info != NULL; info = info->ai_next) {
        const void *bytes = info->ai_addr;
        if (is_listed(listener, first, listener->count, bytes, info->ai_addrlen))
            continue;
        int fd = -1;
        if (!may_be_remote && !address_is_loopback(info->ai_addr))
            wrong = not_loopback;
        else if (listener->count == LISTENER_SOCKETS_MOST)
            wrong = too_many;
        else if (port_of(info) != 0 && is_listed(listener, 0, first, bytes, info->ai_addrlen))
            wrong = twice;
        else if ((fd = open_tcp(info, takes_both(info, address, settings), is_numeric,
                                listener->is_trial, &is_absent)) >= 0)
            (void)add(listener, fd, address->kind, bytes, info->ai_addrlen);
        else if (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT || errno == ENETUNREACH)
            absent = errno;
        else
            wrong =
                errno == EADDRINUSE && is_port_listed(listener, info) ? same_port : strerror(errno);
        if (fd >= 0 && is_absent)
            log_event(LOG_LEVEL_WARNING, "this machine does not have the address yet", "address",
                      address->text, NULL);
    }
    freeaddrinfo(found);
    if (wrong == NULL && listener->count == first)
        wrong = strerror(absent);
    return wrong == NULL ? 0 : fail(fault, address->text, wrong);
}

static int open_address(struct listener *listener, const struct settings *settings, size_t place,
                        char fault[FAULT_LINE_ROOM])
{
    struct address address;

    /* Cannot fail: the settings were checked. */
    (void)address_parse(settings->listen.texts[place], &address);
    return address.kind == ADDRESS_UNIX
               ? open_unix(listener, address.rest, (mode_t)settings->socket_mode, fault)
               : open_host(listener, &address, settings, fault);
}

/* Logs where a socket listens, for TCP with the port that the system chose for port 0. */
static void log_address(const struct listener_socket *listening)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    const struct sockaddr_un *local = (const void *)&address;
    socklen_t length = sizeof address;
    char host[NI_MAXHOST] = "";
    char port[NI_MAXSERV] = "";
    char text[NI_MAXHOST + NI_MAXSERV + 16];

    (void)getsockname(listening->fd, (struct sockaddr *)&address, &length);
    if (address.ss_family == AF_UNIX)
        /* Names in the abstract namespace begin with NUL, which is written as '@' (unix(7)). */
        (void)snprintf(text, sizeof text, "%s%.*s", local->sun_path[0] == '\0' ? "@" : "",
                       (int)sizeof local->sun_path - 1,
                       local->sun_path + (local->sun_path[0] == '\0'));
    else if (getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port, sizeof port,
                         NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        (void)snprintf(text, sizeof text, strchr(host, ':') != NULL ? "%s[%s]:%s" : "%s%s:%s",
                       listening->kind == ADDRESS_PLAIN ? "plain:" : "", host, port);
    else
        (void)snprintf(text, sizeof text, "unknown");
    log_event(LOG_LEVEL_INFO, "listening", "address", text, NULL);
}

/* Takes the sockets that systemd opened. */
static int take_given(struct listener *listener, const struct settings *settings,
                      const struct systemd *systemd, char fault[FAULT_LINE_ROOM])
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
        enum address_kind kind = address.ss_family == AF_UNIX                  ? ADDRESS_UNIX
                                 : systemd_socket_is_called(systemd, i, "tls") ? ADDRESS_TLS
                                                                               : ADDRESS_PLAIN;
        if (wrong == NULL && kind == ADDRESS_PLAIN &&
            !systemd_socket_is_called(systemd, i, "plain"))
            wrong = "a TCP socket needs FileDescriptorName=tls (or plain, which is not encrypted)";
        else if (wrong == NULL && kind == ADDRESS_PLAIN && !settings->allow_unencrypted_network &&
                 !address_is_loopback((struct sockaddr *)&address))
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
        (void)add(listener, fd, kind, &address, length);
    }
    return 0;
}

int listener_open(struct listener *listener, const struct settings *settings,
                  const struct systemd *systemd, char fault[FAULT_LINE_ROOM])
{
    static const char *const of_sockets[] = {"listen", "socket_mode"};

    *listener = (struct listener){.is_given = systemd->socket_count > 0};
    for (size_t i = 0; listener->is_given && i < sizeof of_sockets / sizeof of_sockets[0]; i++) {
        const struct setting *row = configuration_find(settings_table, of_sockets[i]);
        if (!configuration_is_default(&settings->configuration, row))
            log_event(LOG_LEVEL_WARNING, "systemd opened the sockets: a setting is ignored",
                      "setting", row->name, NULL);
    }
    int code = take_given(listener, settings, systemd, fault);
    for (size_t i = 0; !listener->is_given && code == 0 && i < settings->listen.count; i++)
        code = open_address(listener, settings, i, fault);
    if (code < 0)
        listener_remove(listener);
    return code;
}

void listener_log(const struct listener *listener)
{
    for (size_t i = 0; i < listener->count; i++)
        log_address(&listener->sockets[i]);
}

bool listener_needs_tls(const struct listener *listener)
{
    for (size_t i = 0; i < listener->count; i++) {
        if (listener->sockets[i].kind == ADDRESS_TLS)
            return true;
    }
    return false;
}

int listener_check(const struct settings *settings, const struct systemd *systemd,
                   void (*report)(const char *fault), bool *ret_needs_tls)
{
    struct listener trial = {.is_given = systemd->socket_count > 0, .is_trial = true};
    char fault[FAULT_LINE_ROOM];
    int first = take_given(&trial, settings, systemd, fault);

    if (first < 0)
        report(fault);
    for (size_t i = 0; !trial.is_given && i < settings->listen.count; i++) {
        int code = open_address(&trial, settings, i, fault);
        if (code < 0)
            report(fault);
        if (first == 0)
            first = code;
    }
    *ret_needs_tls = listener_needs_tls(&trial);
    listener_remove(&trial);
    return first;
}

/*
 * Binds a new socket to the path of one whose file is gone, and makes the folder if that is gone,
 * too. Returns NULL, or what is wrong.
 */
static const char *make_again(struct listener_socket *lost, mode_t mode)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[LISTENER_PATH_ROOM];
    struct stat status = {.st_uid = 0};
    int folder = -1;

    memcpy(address.sun_path, lost->path, sizeof lost->path);
    memcpy(path, lost->path, sizeof path);
    bool is_made = mkdir(dirname(path), lost->folder_mode & S_IRWXU) == 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return strerror(errno);
    /* A folder that was just made is no link, unless others have put one in its place. */
    const char *wrong =
        open_folder(lost->path, O_RDONLY | (is_made ? O_NOFOLLOW : 0), &folder, &status);
    /* The rest of the mode, which mkdir(2) does not set, or only less the umask. */
    if (wrong == NULL && is_made && status.st_uid == geteuid())
        (void)fchmod(folder, lost->folder_mode);
    if (wrong == NULL)
        lock_folder(folder, 1);
    /* The holder of the lock may be about to replace what is there. */
    if (wrong == NULL && flock(folder, LOCK_EX | LOCK_NB) < 0 && lstat(lost->path, &status) == 0)
        wrong = "its folder is locked";
    if (wrong == NULL)
        wrong = listen_unix(fd, &address, folder, mode, &lost->file);
    descriptor_close(folder);
    if (wrong != NULL) {
        descriptor_close(fd);
        return wrong;
    }
    (void)close(lost->fd);
    lost->fd = fd;
    return NULL;
}

void listener_restore(struct listener *listener, const struct settings *settings)
{
    for (size_t i = 0; i < listener->count; i++) {
        struct listener_socket *socket = &listener->sockets[i];
        struct stat status;
        const char *path = socket->path;
        if (path[0] == '\0' ||
            (lstat(path, &status) == 0 ? descriptor_is_same(&status, &socket->file)
                                       : errno != ENOENT))
            continue;
        /* First those who had connected before. */
        if (descriptor_is_readable(socket->fd))
            continue;
        const char *wrong = make_again(socket, (mode_t)settings->socket_mode);
        if (wrong == NULL)
            log_event(LOG_LEVEL_WARNING, "the socket was removed, and made again", "address", path,
                      NULL);
        else if (!socket->is_lost)
            log_event(LOG_LEVEL_ERROR, "the socket was removed, and cannot be made again",
                      "address", path, "cause", wrong, NULL);
        socket->is_lost = wrong != NULL;
    }
}

void listener_remove(struct listener *listener)
{
    while (listener->count > 0) {
        const struct listener_socket *socket = &listener->sockets[--listener->count];
        struct stat status;
        int folder = -1;
        if (socket->path[0] != '\0' &&
            open_folder(socket->path, O_RDONLY, &folder, &status) == NULL)
            remove_file(folder, socket->path, &socket->file);
        descriptor_close(folder);
        (void)close(socket->fd);
    }
}
