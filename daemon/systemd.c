#include "daemon/systemd.h"

#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "protocol/descriptor.h"
#include "protocol/value.h"

/* A number from the environment, or -1. */
static int64_t read_number(const char *name)
{
    const char *text = getenv(name);
    int64_t number = -1;

    return text != NULL && value_number(text, strlen(text), &number) ? number : -1;
}

void systemd_read(struct systemd *systemd)
{
    const char *names = getenv("LISTEN_FDNAMES");
    const char *notified = getenv("NOTIFY_SOCKET");

    int64_t count = read_number("LISTEN_FDS");

    *systemd = (struct systemd){.socket_count = 0};
    /* Ignore variables that were meant for a parent of this process. */
    if (read_number("LISTEN_PID") == getpid() && count > 0 &&
        count < INT_MAX - SYSTEMD_FIRST_SOCKET)
        systemd->socket_count = (int)count;
    systemd->names = names != NULL ? strdup(names) : NULL;
    systemd->notified = notified != NULL ? strdup(notified) : NULL;
}

void systemd_release(struct systemd *systemd)
{
    free(systemd->names);
    free(systemd->notified);
    *systemd = (struct systemd){.names = NULL};
}

bool systemd_socket_is_called(const struct systemd *systemd, int place, const char *name)
{
    const char *names = systemd->names != NULL ? systemd->names : "";

    for (; place > 0 && *names != '\0'; place--) {
        names += strcspn(names, ":");
        names += *names == ':';
    }
    size_t length = strcspn(names, ":");
    return length == strlen(name) && memcmp(names, name, length) == 0;
}

void systemd_notify(const struct systemd *systemd, const char *state)
{
    const struct timeval patience = {.tv_sec = 2}; /* if systemd does not read */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = systemd->notified != NULL ? strlen(systemd->notified) : 0;

    if (length == 0 || length >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, systemd->notified, length);
    /* Names in the abstract namespace begin with NUL (unix(7)). */
    if (address.sun_path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0)
        (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    descriptor_close(fd);
}

void systemd_notify_reloading(const struct systemd *systemd)
{
    struct timespec now = {.tv_sec = 0};
    char state[64];

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                   (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    systemd_notify(systemd, state);
}
