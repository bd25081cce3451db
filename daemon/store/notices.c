#include "daemon/store/notices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/descriptor.h"
#include "protocol/name.h"

enum {
    MASK = IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB | IN_ONLYDIR,
    ROOM_FIRST = 64,
    LINK_ROOM = 32, /* bytes of "/proc/self/fd/" and a number */
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

/* As notices_add(). With `must_be_readable` a folder that cannot be read ends all notices. */
static bool add(struct notices *notices, const char *folder, bool must_be_readable)
{
    char path[NAME_LONGEST + 2] = ".";
    char link[LINK_ROOM];
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
    } else {
        /* By its descriptor: a path could lead to somewhere else by now. */
        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        number = inotify_add_watch(notices->fd, link, MASK);
    }
    /* EACCES may also be the answer of a sandbox, about a folder that can be read. */
    int error = errno;
    bool is_closed = number < 0 && error == EACCES && descriptor_access(fd, ".", R_OK) < 0;
    descriptor_close(fd);
    errno = error;
    if (is_closed && !must_be_readable)
        return false;
    int code = number < 0 ? -1 : remember(notices, number, folder);
    if (code < 0)
        give_up(notices);
    return code == 1;
}

void notices_open(struct notices *notices, const struct library *library)
{
    *notices = (struct notices){.library = library, .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
}

void notices_close(struct notices *notices)
{
    descriptor_close(notices->fd);
    for (size_t i = 0; i < notices->count; i++)
        free(notices->folders[i].folder);
    free(notices->folders);
    notices->fd = -1;
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
        const struct noticed noticed = notices->folders[i];
        if (noticed.round == notices->round) {
            notices->folders[kept++] = noticed;
        } else {
            (void)inotify_rm_watch(notices->fd, noticed.number);
            free(noticed.folder);
        }
    }
    notices->count = kept;
}

void notices_read(struct notices *notices)
{
    ssize_t got = 0;

    if (notices->fd < 0)
        return;
    do
        got = read(notices->fd, notices->buffer, sizeof notices->buffer);
    while (got < 0 && errno == EINTR);
    notices->at = 0;
    notices->length = got > 0 ? (size_t)got : 0;
}

bool notices_next(struct notices *notices, struct notice *ret)
{
    while (notices->at < notices->length) {
        const struct inotify_event *event = (const void *)(notices->buffer + notices->at);
        size_t place = 0;
        bool is_known = find(notices, event->wd, &place);
        bool is_of_file = (event->mask & IN_ISDIR) == 0;
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
        if (event->len == 0 || (is_of_file && (event->mask & IN_ATTRIB) != 0))
            continue;
        *ret = (struct notice){.folder = noticed->folder,
                               .component = event->name,
                               .is_folder = !is_of_file,
                               .is_changed = (event->mask & IN_ATTRIB) != 0,
                               .is_gone = (event->mask & IN_MOVED_FROM) != 0,
                               .is_complete = (event->mask & (IN_MOVED_TO | IN_CLOSE_WRITE)) != 0};
        return true;
    }
    return false;
}
