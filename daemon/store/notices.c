#include "daemon/store/notices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "protocol/descriptor.h"
#include "protocol/name.h"
#include "protocol/passing.h"

enum {
    ROOM_FIRST = 64,
    ANSWER_S = 5, /* how long the notifier may take for an answer */
    MASK = IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB | IN_ONLYDIR,
};

/* Finds a watch by its number, or the place where it belongs. Returns whether it is there. */
static bool find(const struct notices *notices, int number, size_t *ret_place)
{
    size_t low = 0;
    size_t high = notices->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (notices->folders[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_place = low;
    return low < notices->count && notices->folders[low].number == number;
}

/* With a watch missing, something could be missed: closes all of them. Keeps errno. */
static void give_up(struct notices *notices)
{
    int error = errno;

    notices_close(notices);
    errno = error;
}

/* Remembers whose watch it is. Returns 1 when the watch is new, 0, or -1 without memory. */
static int remember(struct notices *notices, int number, const char *folder)
{
    size_t place = 0;
    bool is_known = find(notices, number, &place);

    if (!is_known && notices->count == notices->room) {
        size_t room = notices->room > 0 ? 2 * notices->room : ROOM_FIRST;
        struct noticed *moved = reallocarray(notices->folders, room, sizeof *moved);
        if (moved == NULL)
            return -1;
        notices->folders = moved;
        notices->room = room;
    }
    struct noticed *noticed = notices->folders + place;
    if (is_known && strcmp(noticed->folder, folder) == 0) {
        noticed->round = notices->round;
        return 0;
    }
    char *copy = strdup(folder);
    if (copy == NULL)
        return -1;
    if (is_known) {
        free(noticed->folder);
    } else {
        memmove(noticed + 1, noticed, (notices->count - place) * sizeof *noticed);
        notices->count++;
    }
    *noticed = (struct noticed){.number = number, .round = notices->round, .folder = copy};
    return !is_known;
}

/* Has the notifier watch a folder. Returns the number of the watch, or -1 with errno set. */
static int ask_to_watch(const struct notices *notices, int folder)
{
    int number = 0;
    int none = -1;
    ssize_t got = -1;

    if (passing_send(notices->notifier, &number, sizeof number, &folder, 1, 0) == 0)
        got = passing_receive(notices->notifier, &number, sizeof number, &none, 1, 0);
    descriptor_close(none);
    if (got == (ssize_t)sizeof number && number > 0)
        return number;
    if (got >= 0)
        errno = got == (ssize_t)sizeof number ? -number : EPIPE;
    return -1;
}

/* As notices_add(). With `must_be_readable` a folder that cannot be read ends all notices. */
static bool add(struct notices *notices, const char *folder, bool must_be_readable)
{
    char path[NAME_LONGEST + 2] = ".";
    size_t length = strlen(folder);
    int number = -1;

    if (notices->fd < 0)
        return false;
    if (length > 0) {
        memcpy(path, folder, length - 1);
        path[length - 1] = '\0';
    }
    int fd = library_openat(notices->library, path, O_PATH | O_DIRECTORY);
    if (fd < 0) {
        int code = library_failure(errno);
        if (code == -REASON_INTERNAL || code == -REASON_UNAVAILABLE)
            give_up(notices);
        return false;
    }
    if (library_is_shared(fd)) {
        errno = EREMOTE;
    } else if (notices->notifier >= 0) {
        number = ask_to_watch(notices, fd);
    } else {
        number = notices_watch(notices->fd, fd);
    }
    /* EACCES may also be the answer of a sandbox, about a folder that can be read. */
    int error = errno;
    bool is_closed = number < 0 && error == EACCES && descriptor_access(fd, ".", R_OK) < 0;
    descriptor_close(fd);
    errno = error;
    if (is_closed && !must_be_readable)
        return false;
    /* If the notifier has ended, its pipe has, too: notices_read() finds that out. */
    if (number < 0 && (error == EPIPE || error == ECONNRESET))
        return false;
    int code = number < 0 ? -1 : remember(notices, number, folder);
    if (code < 0)
        give_up(notices);
    return code == 1;
}

/* Asks the notifier for a pipe. If there is none in time, there are no notices. */
static void subscribe(struct notices *notices)
{
    const struct timeval limit = {.tv_sec = ANSWER_S};
    int pair[2] = {-1, -1};
    int message = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return;
    (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    (void)setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    int code = passing_send(notices->library->notifier, &message, sizeof message, &pair[1], 1, 0);
    /* Before waiting: so it ends also when the notifier does. */
    (void)close(pair[1]);
    if (code == 0)
        (void)passing_receive(pair[0], &message, sizeof message, &notices->fd, 1, 0);
    notices->notifier = pair[0];
    if (notices->fd < 0)
        notices_close(notices);
}

void notices_open(struct notices *notices, const struct library *library)
{
    *notices = (struct notices){.library = library, .fd = -1, .notifier = -1};
    if (library->notifier >= 0)
        subscribe(notices);
    else
        notices->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

void notices_close(struct notices *notices)
{
    descriptor_close(notices->fd);
    descriptor_close(notices->notifier);
    for (size_t i = 0; i < notices->count; i++)
        free(notices->folders[i].folder);
    free(notices->folders);
    notices->fd = notices->notifier = -1;
    notices->folders = NULL;
    notices->count = notices->room = notices->at = notices->length = 0;
}

bool notices_add(struct notices *notices, const char *folder)
{
    return add(notices, folder, false);
}

void notices_add_way(struct notices *notices, const char *name)
{
    char path[NAME_LONGEST + 2];

    (void)add(notices, "", true);
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(path, sizeof path, "%.*s", (int)(slash + 1 - name), name);
        (void)add(notices, path, true);
    }
}

void notices_remove(struct notices *notices, const char *folder)
{
    /* Outside of a round all other folders have the number of the last round. */
    for (size_t i = 0; i < notices->count; i++) {
        if (strncmp(notices->folders[i].folder, folder, strlen(folder)) == 0)
            notices->folders[i].round = notices->round - 1;
    }
    notices_end_round(notices);
}

void notices_begin_round(struct notices *notices)
{
    notices->round++;
}

void notices_end_round(struct notices *notices)
{
    size_t kept = 0;

    for (size_t i = 0; i < notices->count; i++) {
        struct noticed noticed = notices->folders[i];
        if (noticed.round == notices->round) {
            notices->folders[kept++] = noticed;
        } else {
            /* If the notifier does not hear of it, more is reported than has to be. */
            if (notices->notifier >= 0)
                (void)passing_send(notices->notifier, &noticed.number, sizeof noticed.number, NULL,
                                   0, MSG_DONTWAIT);
            else
                (void)inotify_rm_watch(notices->fd, noticed.number);
            free(noticed.folder);
        }
    }
    notices->count = kept;
}

void notices_read(struct notices *notices)
{
    size_t left = notices->length - notices->at;
    ssize_t got = 0;

    if (notices->fd < 0)
        return;
    memmove(notices->buffer, notices->buffer + notices->at, left);
    notices->at = 0;
    notices->length = left;
    do
        got = read(notices->fd, notices->buffer + left, sizeof notices->buffer - left);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        notices->length += (size_t)got;
    if (got != 0)
        return;
    /* The notifier has ended, and what it would have reported is lost. */
    notices_close(notices);
    subscribe(notices);
    notices->is_lost = true;
}

int notices_watch(int inotify, int folder)
{
    char path[DESCRIPTOR_PATH_ROOM];

    return inotify_add_watch(inotify, descriptor_path(folder, path), MASK);
}

bool notices_is_news(const struct inotify_event *event)
{
    if ((event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT | IN_IGNORED)) != 0)
        return true;
    /* Files are looked at when they are closed, whatever their mode. */
    return event->len > 0 && (event->mask & (IN_ISDIR | IN_ATTRIB)) != IN_ATTRIB;
}

bool notices_next(struct notices *notices, struct notice *ret)
{
    if (notices->is_lost) {
        notices->is_lost = false;
        *ret = (struct notice){.some_lost = true};
        return true;
    }
    while (notices->length - notices->at >= sizeof(struct inotify_event)) {
        const struct inotify_event *event = (const void *)(notices->buffer + notices->at);
        size_t place = 0;
        if (notices->length - notices->at < sizeof *event + event->len)
            break;
        bool is_known = find(notices, event->wd, &place);
        notices->at += sizeof *event + event->len;
        if ((event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT)) != 0) {
            *ret = (struct notice){.some_lost = true};
            return true;
        }
        if (!is_known)
            continue;
        struct noticed *noticed = &notices->folders[place];
        if ((event->mask & IN_IGNORED) != 0) {
            /* The watch has ended by itself, for instance because the folder was removed. */
            free(noticed->folder);
            notices->count--;
            memmove(noticed, noticed + 1, (notices->count - place) * sizeof *noticed);
            continue;
        }
        if (!notices_is_news(event))
            continue;
        *ret = (struct notice){.folder = noticed->folder,
                               .component = event->name,
                               .is_folder = (event->mask & IN_ISDIR) != 0,
                               .is_changed = (event->mask & IN_ATTRIB) != 0,
                               .is_gone = (event->mask & IN_MOVED_FROM) != 0,
                               .is_complete = (event->mask & (IN_MOVED_TO | IN_CLOSE_WRITE)) != 0};
        return true;
    }
    return false;
}
