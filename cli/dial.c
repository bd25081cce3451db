#include "cli/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/signals.h"
#include "cli/ssh.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/value.h"
#include "settings/control.h"

enum {
    LOOKUP_STACK = 256 * 1024, /* bytes, of the thread that looks a host up */
    ADDRESSES_MOST = 8,        /* addresses of a host that are tried */
    STAGGER_MS = 250,          /* before the next address is tried beside the others (RFC 8305) */
};

static enum reason reason_of_errno(int error)
{
    return error == ETIMEDOUT                  ? REASON_TIMEOUT
           : error == EACCES || error == EPERM ? REASON_DENIED
                                               : REASON_LOST;
}

static const char *hint_of_errno(int error)
{
    return error == ENOENT || error == ECONNREFUSED ? " (is fsd running there? see --server)" : "";
}

static int fail_connect(const struct address *server, struct failure *failure)
{
    return fail(failure, reason_of_errno(errno), server->text, "cannot connect: %s%s",
                strerror(errno), hint_of_errno(errno));
}

/* Is this the user that a name or number means? */
static bool is_user(uid_t uid, const char *text)
{
    int64_t number = 0;

    if (value_number(text, strlen(text), &number))
        return number == uid;
    const struct passwd *user = getpwnam(text);
    return user != NULL && user->pw_uid == uid;
}

/* Checks who listens on a Unix socket that somebody else may have put there. */
static int check_server(int fd, const struct address *server, const struct control *control,
                        const struct setting_list *trusted, struct failure *failure)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    char user[CONTROL_USER_ROOM];

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return fail_errno(failure, REASON_IDENTITY, server->text, "cannot find out who serves it");
    bool is_trusted = peer.uid == 0 || peer.uid == geteuid() ||
                      (control->kind == CONTROL_OWNER && peer.uid == control->owner);
    for (size_t i = 0; !is_trusted && i < trusted->count; i++)
        is_trusted = is_user(peer.uid, trusted->texts[i]);
    if ((is_trusted || is_user(peer.uid, "fsd")) && control_is_numbered(peer.uid))
        return 0;
    return fail(
        failure, REASON_IDENTITY, server->text,
        "is served by %s, who is not trusted, and others can write to %s (use a socket in a "
        "private folder, or the setting socket_users)",
        control_name_user(peer.uid, user), control->folder);
}

/* A full queue of a Unix socket cannot be polled for; SO_SNDTIMEO bounds the wait (socket(7)). */
static int dial_unix(const struct address *server, const struct setting_list *trusted,
                     int64_t limit_ms, int *ret, struct failure *failure)
{
    const struct timeval limit = {.tv_sec = limit_ms / 1000, .tv_usec = limit_ms % 1000 * 1000};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct control control;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    control_find(&control, server->rest);
    memcpy(address.sun_path, server->rest, strlen(server->rest) + 1);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        if (errno == EAGAIN)
            errno = ETIMEDOUT;
        int code = fail_connect(server, failure);
        descriptor_close(fd);
        return code;
    }
    int code =
        control.kind == CONTROL_OURS ? 0 : check_server(fd, server, &control, trusted, failure);
    if (code < 0)
        descriptor_close(fd);
    else
        *ret = fd;
    return code;
}

/* Waits until a descriptor is readable. Returns false at the limit. */
static bool is_ready_within(int fd, int64_t limit_ms)
{
    int64_t until = clock_ms() + limit_ms;
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    int64_t left = 0;

    while ((left = until - clock_ms()) > 0) {
        int ready = poll(&polled, 1, (int)left);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return ready > 0;
    }
    return false;
}

/* A host to be looked up. The thread owns it until it gives it back through the pipe. */
struct lookup {
    struct address server;
    int back;
    int code;
    struct addrinfo *found;
};

static void *run_lookup(void *context)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct lookup *lookup = context;
    int back = lookup->back;

    lookup->code = getaddrinfo(lookup->server.host, lookup->server.port, &hints, &lookup->found);
    if (write(back, &context, sizeof context) < 0) {
        /* Nobody waits any more. */
        if (lookup->code == 0)
            freeaddrinfo(lookup->found);
        free(lookup);
    }
    (void)close(back);
    return NULL;
}

/* Starts a thread, which gets no signals. Returns the pipe to read, or -1 with errno set. */
static int start_lookup(const struct address *server)
{
    struct lookup *lookup = malloc(sizeof *lookup);
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;
    int ends[2];

    if (lookup == NULL || pipe2(ends, O_CLOEXEC) < 0) {
        free(lookup);
        return -1;
    }
    *lookup = (struct lookup){.server = *server, .back = ends[1]};
    (void)sigfillset(&all);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, LOOKUP_STACK);
    (void)pthread_attr_setsigmask_np(&attributes, &all);
    int error = pthread_create(&thread, &attributes, run_lookup, lookup);
    (void)pthread_attr_destroy(&attributes);
    if (error == 0)
        return ends[0];
    free(lookup);
    (void)close(ends[0]);
    (void)close(ends[1]);
    errno = error;
    return -1;
}

/*
 * Looks up the addresses of a host. A name is looked up by a thread, because that may take long:
 * after the limit the thread is abandoned. (The threads of getaddrinfo_a(3) have tiny stacks.)
 */
static int look_up(const struct address *server, int64_t limit_ms, struct addrinfo **ret,
                   struct failure *failure)
{
    const struct addrinfo numeric = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    void *given = NULL;

    if (getaddrinfo(server->host, server->port, &numeric, ret) == 0)
        return 0;
    int fd = start_lookup(server);
    if (fd < 0)
        return fail_errno(failure, REASON_LOST, server->text, "cannot look up the host");
    bool is_back = is_ready_within(fd, limit_ms) && read(fd, &given, sizeof given) > 0;
    (void)close(fd);
    if (!is_back)
        return fail(failure, REASON_TIMEOUT, server->text, "cannot look up the host in time");
    struct lookup *lookup = given;
    int code = lookup->code;
    *ret = lookup->found;
    free(lookup);
    bool may_be_name = strpbrk(server->text, ".:[") == NULL;
    return code == 0 ? 0
                     : fail(failure, REASON_LOST, server->text, "cannot look up the host: %s%s",
                            gai_strerror(code),
                            may_be_name ? " (nor is it a name in the setting servers)" : "");
}

/* An attempt at one address of a host. */
struct attempt {
    const struct addrinfo *info;
    bool is_begun;
    int error; /* why it failed */
};

/* Sorts addresses so that the two families alternate, the first one's first. Returns how many. */
static size_t alternate_families(const struct addrinfo *found,
                                 struct attempt attempts[ADDRESSES_MOST])
{
    const struct addrinfo *next[] = {found, found};
    size_t count = 0;

    for (size_t turn = 0; count < ADDRESSES_MOST && (next[0] != NULL || next[1] != NULL); turn++) {
        const struct addrinfo **of = &next[turn % 2];
        while (*of != NULL && ((*of)->ai_family == found->ai_family) != (turn % 2 == 0))
            *of = (*of)->ai_next;
        if (*of != NULL) {
            attempts[count++] = (struct attempt){.info = *of};
            *of = (*of)->ai_next;
        }
    }
    return count;
}

/*
 * Connects to the first address that answers; tries the next one beside those that are pending, and
 * at once when one has failed. Returns the descriptor, or -1 with the errors in the attempts.
 */
static int run_race(struct attempt *attempts, size_t count, int64_t limit_ms)
{
    struct pollfd polled[ADDRESSES_MOST];
    size_t begun = 0;
    size_t open = 0;
    int64_t until = clock_ms() + limit_ms;
    int64_t next = 0;
    int winner = -1;

    while (winner < 0 && (begun < count || open > 0)) {
        int64_t now = clock_ms();
        if (now >= until)
            break;
        if (begun < count && now >= next) {
            struct attempt *attempt = &attempts[begun];
            const struct addrinfo *info = attempt->info;
            int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
            attempt->is_begun = true;
            attempt->error = ETIMEDOUT;
            next = now + STAGGER_MS;
            if (fd < 0 ||
                (connect(fd, info->ai_addr, info->ai_addrlen) < 0 && errno != EINPROGRESS)) {
                attempt->error = errno;
                descriptor_close(fd);
                fd = -1;
                next = now;
            }
            polled[begun++] = (struct pollfd){.fd = fd, .events = POLLOUT};
            open += fd >= 0;
            continue;
        }
        bool is_next_sooner = begun < count && next < until;
        if (poll(polled, begun, (int)((is_next_sooner ? next : until) - now)) <= 0)
            continue;
        for (size_t i = 0; i < begun && winner < 0; i++) {
            int *error = &attempts[i].error;
            socklen_t length = sizeof *error;
            if (polled[i].fd < 0 || polled[i].revents == 0)
                continue;
            if (getsockopt(polled[i].fd, SOL_SOCKET, SO_ERROR, error, &length) == 0 &&
                *error == 0) {
                winner = polled[i].fd;
            } else {
                descriptor_close(polled[i].fd);
                open--;
                next = 0;
            }
            polled[i].fd = -1;
        }
    }
    for (size_t i = 0; i < begun; i++)
        descriptor_close(polled[i].fd);
    return winner;
}

/* Names each address that was tried, unless the user did, and why it failed. */
static int fail_race(const struct address *server, const struct attempt *attempts, size_t count,
                     struct failure *failure)
{
    enum reason reason = REASON_LOST;
    const char *hint = "";
    char text[ADDRESSES_MOST * 128] = "";
    size_t used = 0;

    for (size_t i = 0; i < count && attempts[i].is_begun; i++) {
        const struct addrinfo *info = attempts[i].info;
        const int error = attempts[i].error;
        char host[INET6_ADDRSTRLEN + IF_NAMESIZE] = "";
        (void)getnameinfo(info->ai_addr, info->ai_addrlen, host, sizeof host, NULL, 0,
                          NI_NUMERICHOST);
        bool is_given = count == 1 && strcmp(host, server->host) == 0;
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%s%s: %.60s", used > 0 ? ";" : "",
                             is_given ? "" : " to ", is_given ? "" : host, strerror(error));
        if (reason != REASON_TIMEOUT)
            reason = reason_of_errno(error);
        if (error == ECONNREFUSED)
            hint = hint_of_errno(error);
    }
    if (used == 0)
        return fail(failure, REASON_TIMEOUT, server->text, "cannot connect in time");
    return fail(failure, reason, server->text, "cannot connect%s%s", text, hint);
}

static int dial_tcp(const struct settings *settings, int64_t limit_ms, int *ret,
                    struct failure *failure)
{
    const struct address *server = &settings->server;
    struct attempt attempts[ADDRESSES_MOST];
    struct addrinfo *found = NULL;
    int64_t since = clock_ms();
    bool may_be_remote = server->kind == ADDRESS_TLS || settings->allow_unencrypted_network;
    int code = look_up(server, limit_ms, &found, failure);

    if (code < 0)
        return code;
    for (const struct addrinfo *info = found; code == 0 && info != NULL; info = info->ai_next) {
        if (!may_be_remote && !address_is_loopback(info->ai_addr))
            code = fail(failure, REASON_USAGE, server->text,
                        "plain: is not encrypted, and reaches this machine only (leave it out to "
                        "use TLS)");
    }
    if (code == 0) {
        size_t count = alternate_families(found, attempts);
        *ret = run_race(attempts, count, limit_ms - (clock_ms() - since));
        code = *ret < 0 ? fail_race(server, attempts, count, failure) : 0;
    }
    freeaddrinfo(found);
    return code;
}

/*
 * The command's stdin and stdout are ends of two socket pairs: programs in it that share one
 * description would also share O_NONBLOCK. Its stderr is ours.
 */
static int dial_command(const struct address *server, bool shares_group, int ret[2],
                        pid_t *ret_command, struct failure *failure)
{
    bool is_at_terminal = !shares_group && child_is_at_terminal();
    bool own_group = !shares_group && !is_at_terminal;
    int input[2] = {-1, -1};
    int output[2] = {-1, -1};
    pid_t child = -1;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) == 0 &&
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, output) == 0)
        child = signals_fork(own_group);
    if (child == 0) {
        (void)dup2(input[1], STDIN_FILENO);
        (void)dup2(output[1], STDOUT_FILENO);
        if (server->kind == ADDRESS_SSH)
            ssh_exec(server, is_at_terminal);
        else
            (void)execl("/bin/sh", "sh", "-c", server->rest, (char *)NULL);
        _exit(127);
    }
    descriptor_close(input[1]);
    descriptor_close(output[1]);
    if (child < 0) {
        int code = fail_errno(failure, REASON_LOST, server->text, "cannot start the command");
        descriptor_close(input[0]);
        descriptor_close(output[0]);
        return code;
    }
    ret[0] = output[0];
    ret[1] = input[0];
    *ret_command = own_group ? -child : child;
    return 0;
}

int dial(const struct settings *settings, int64_t limit_ms, bool shares_group, int ret[2],
         pid_t *ret_command, struct failure *failure)
{
    const struct address *server = &settings->server;
    int code = 0;

    *ret_command = 0;
    switch (server->kind) {
    case ADDRESS_UNIX:
        code = dial_unix(server, &settings->socket_users, limit_ms, &ret[0], failure);
        break;
    case ADDRESS_TLS:
    case ADDRESS_PLAIN:
        code = dial_tcp(settings, limit_ms, &ret[0], failure);
        break;
    case ADDRESS_SSH:
    case ADDRESS_EXEC:
        return dial_command(server, shares_group, ret, ret_command, failure);
    }
    ret[1] = ret[0];
    return code;
}
