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
    LINK_ROOM = 32, /* bytes of "/proc/self/fd/" and a number */
};

/* The place of a watch, or the one where it would be. */
static size_t find(const struct notices *notices, int number)
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
    return low;
}

static bool is_there(const struct notices *notices, size_t place, int number)
{
    return place < notices->count && notices->folders[place].number == number;
}

/* What is missing once would be missed for good. */
static void give_up(struct notices *notices)
{
    int error = errno;

    notices_close(notices);
    errno = error;
}

static bool make_room(struct notices *notices)
{
    size_t room = notices->room > 0 ? 2 * notices->room : 64;

    if (notices->count < notices->room)
        return true;
    struct noticed *moved = reallocarray(notices->folders, room, sizeof *moved);
    if (moved == NULL)
        return false;
    notices->folders = moved;
    notices->room = room;
    return true;
}

/* Notes a watch. Returns false without memory. */
static bool note(struct notices *notices, int number, const char *folder)
{
    size_t place = find(notices, number);
    bool is_known = is_there(notices, place, number);
    struct noticed *noticed = NULL;
    char *copy = NULL;

    if (is_known && strcmp(notices->folders[place].folder, folder) == 0) {
        notices->folders[place].round = notices->round;
        return true;
    }
    if ((!is_known && !make_room(notices)) || (copy = strdup(folder)) == NULL)
        return false;
    noticed = &notices->folders[place];
    if (is_known) {
        free(noticed->folder);
    } else {
        memmove(noticed + 1, noticed, (notices->count - place) * sizeof *noticed);
        notices->count++;
    }
    *noticed = (struct noticed){.number = number, .round = notices->round, .folder = copy};
    return true;
}

/* Watches an open folder. Returns the number of its watch, or -1 with errno set. */
static int watch(const struct notices *notices, int fd)
{
    char link[LINK_ROOM];

    if (library_is_shared(fd)) {
        errno = EREMOTE;
        return -1;
    }
    /* By its descriptor: a path could lead to somewhere else by now. */
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return inotify_add_watch(notices->fd, link, MASK);
}

/*
 * Adds a folder that may be missing; whether it may be one that cannot be read tells `if_readable`.
 * Was it not there before?
 */
static bool add(struct notices *notices, const char *folder, bool if_readable)
{
    char path[NAME_LONGEST + 2] = ".";
    size_t length = strlen(folder);

    if (notices->fd < 0)
        return false;
    if (length > 0) {
        memcpy(path, folder, length - 1);
        path[length - 1] = '\0';
    }
    int fd = library_openat(notices->library, path, O_PATH | O_DIRECTORY);
    if (fd < 0) {
        if (library_failure(errno) == -REASON_INTERNAL)
            give_up(notices);
        return false;
    }
    int number = watch(notices, fd);
    descriptor_close(fd);
    if (number < 0 && errno == EACCES && if_readable)
        return false;
    bool is_new = !is_there(notices, find(notices, number), number);
    if (number < 0 || !note(notices, number, folder))
        give_up(notices);
    return is_new;
}

/* Lets go of the watches that are not wanted. */
static void keep_only(struct notices *notices,
                      bool (*is_wanted)(const struct noticed *noticed, const void *context),
                      const void *context)
{
    size_t kept = 0;

    for (size_t i = 0; i < notices->count; i++) {
        const struct noticed noticed = notices->folders[i];
        if (is_wanted(&noticed, context)) {
            notices->folders[kept++] = noticed;
            continue;
        }
        (void)inotify_rm_watch(notices->fd, noticed.number);
        free(noticed.folder);
    }
    notices->count = kept;
}

static bool is_outside(const struct noticed *noticed, const void *folder)
{
    return strncmp(noticed->folder, folder, strlen(folder)) != 0;
}

static bool is_of_round(const struct noticed *noticed, const void *round)
{
    return noticed->round == *(const unsigned *)round;
}

/* A watch that has ended, as of a folder that was removed. */
static void forget(struct notices *notices, int number)
{
    size_t place = find(notices, number);

    if (!is_there(notices, place, number))
        return;
    free(notices->folders[place].folder);
    notices->count--;
    memmove(&notices->folders[place], &notices->folders[place + 1],
            (notices->count - place) * sizeof *notices->folders);
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
    return add(notices, folder, true);
}

void notices_add_way(struct notices *notices, const char *name)
{
    char path[NAME_LONGEST + 2];

    (void)add(notices, "", false);
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(path, sizeof path, "%.*s", (int)(slash + 1 - name), name);
        (void)add(notices, path, false);
    }
}

void notices_remove(struct notices *notices, const char *folder)
{
    keep_only(notices, is_outside, folder);
}

void notices_begin_round(struct notices *notices)
{
    notices->round++;
}

void notices_end_round(struct notices *notices)
{
    keep_only(notices, is_of_round, &notices->round);
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

void notices_drop(struct notices *notices)
{
    do
        notices_read(notices);
    while (notices->fd >= 0 && notices->length > 0);
}

bool notices_next(struct notices *notices, struct notice *ret)
{
    while (notices->at < notices->length) {
        const struct inotify_event *event = (const void *)(notices->buffer + notices->at);
        size_t place = find(notices, event->wd);
        notices->at += sizeof *event + event->len;
        if ((event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT)) != 0) {
            *ret = (struct notice){.some_lost = true};
            return true;
        }
        if ((event->mask & IN_IGNORED) != 0)
            forget(notices, event->wd);
        if ((event->mask & IN_IGNORED) != 0 || event->len == 0 ||
            !is_there(notices, place, event->wd) ||
            (event->mask & (IN_ATTRIB | IN_ISDIR)) == IN_ATTRIB)
            continue;
        *ret = (struct notice){.folder = notices->folders[place].folder,
                               .component = event->name,
                               .is_folder = (event->mask & IN_ISDIR) != 0,
                               .is_changed = (event->mask & IN_ATTRIB) != 0,
                               .is_gone = (event->mask & IN_MOVED_FROM) != 0,
                               .is_whole = (event->mask & (IN_MOVED_TO | IN_CLOSE_WRITE)) != 0};
        return true;
    }
    return false;
}
