#include "daemon/store/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/folder.h"
#include "daemon/store/lookup.h"
#include "protocol/descriptor.h"
#include "protocol/glob.h"
#include "protocol/name.h"

enum {
    BATCH = 64 * 1024,            /* bytes of directory entries read at a time */
    PATH_ROOM = NAME_LONGEST + 2, /* a name, '/' and NUL */
    OPEN_MOST = 16,               /* folders on the way that stay open while those below are read */
};

static const char LOST_AND_FOUND[] = "lost+found/";

/* A listing under way. `path` is the name that was reached; that of a folder ends in '/'. */
struct walk {
    const struct library *library;
    const struct list_query *query;
    struct glob **globs; /* of each component of the pattern; NULL: everything matches */
    size_t glob_count;
    char path[PATH_ROOM];
};

/* A folder that is being read. */
struct reading {
    int fd;
    size_t path_length; /* of its name in `path`, with the '/' */
    size_t level;       /* how many folders below the one that is listed */
    char *later;        /* components of folders that are read when it is closed, each with NUL */
    size_t later_length, later_room;
};

static int read_folder(struct walk *walk, int fd, size_t path_length, size_t level);

static void free_globs(struct walk *walk)
{
    for (size_t i = 0; i < walk->glob_count; i++)
        free(walk->globs[i]);
    free(walk->globs);
}

/* Cuts the pattern into its components. One for `deep` listings is not cut. Returns 0 or a reason. */
static int compile(struct walk *walk)
{
    const char *rest = walk->query->match;
    size_t left = walk->query->match_length;

    walk->globs = calloc(left + 1, sizeof(struct glob *));
    while (walk->globs != NULL && rest != NULL) {
        const char *slash = walk->query->deep ? NULL : memchr(rest, '/', left);
        size_t length = slash != NULL ? (size_t)(slash - rest) : left;
        walk->globs[walk->glob_count] = glob_compile(rest, length);
        if (walk->globs[walk->glob_count] == NULL)
            break;
        walk->glob_count++;
        rest = slash != NULL ? slash + 1 : NULL;
        left -= length + (slash != NULL);
    }
    return rest == NULL ? 0 : -REASON_INTERNAL;
}

/* Does a component match that of the pattern at this level? It must be the last one, or not. */
static bool matches(const struct walk *walk, size_t level, bool is_last, const char *component)
{
    size_t place = walk->query->deep ? 0 : level;

    return walk->glob_count == 0 ||
           ((place + 1 == walk->glob_count) == is_last &&
            glob_matches(walk->globs[place], component, strlen(component)));
}

/*
 * The entry at `path` cannot be listed, because of errno. Reports that, unless it has gone since its
 * folder was read. The lost+found that mkfs(8) makes is for root alone; nobody misses it.
 */
static int skip(const struct walk *walk)
{
    const struct list_query *query = walk->query;

    /* It could be read if this process, or the system, had not too many files open. */
    if (library_failure(errno) == -REASON_UNAVAILABLE)
        return -REASON_UNAVAILABLE;
    if (errno == ENOENT || errno == ENOTDIR || query->unreadable == NULL ||
        strcmp(walk->path, LOST_AND_FOUND) == 0)
        return 0;
    return query->unreadable(query->context, walk->path);
}

static int open_below(int folder, const char *component, int flags)
{
    return openat(folder, component, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static bool is_visible(const struct walk *walk)
{
    const struct list_query *query = walk->query;

    return query->is_visible == NULL || query->is_visible(query->context, walk->path);
}

static int emit(const struct walk *walk, const struct stat *status, const struct record *record)
{
    const struct list_entry entry = {
        .name = walk->path, .length = strlen(walk->path), .status = status, .record = record};
    return walk->query->entry(walk->query->context, &entry);
}

static int list_file(struct walk *walk, int folder, const char *component)
{
    struct stored stored = {.fd = -1};
    int code = 0;

    if (!is_visible(walk))
        return 0;
    if (!walk->query->details)
        return emit(walk, NULL, NULL);
    if (walk->query->is_known != NULL &&
        fstatat(folder, component, &stored.status, AT_SYMLINK_NOFOLLOW) == 0 &&
        (code = walk->query->is_known(walk->query->context, walk->path, &stored.status)) != 0)
        return code < 0 ? code : 0;
    /* A file that cannot be read has no record to show, but a size and a time. */
    stored.fd = open_below(folder, component, O_RDONLY);
    if (stored.fd < 0 && library_failure(errno) == -REASON_UNAVAILABLE)
        return -REASON_UNAVAILABLE;
    code = stored.fd >= 0 ? fstat(stored.fd, &stored.status)
                          : fstatat(folder, component, &stored.status, AT_SYMLINK_NOFOLLOW);
    if (code < 0) {
        code = skip(walk);
    } else if (S_ISREG(stored.status.st_mode)) {
        if (stored.fd >= 0)
            (void)record_read(stored.fd, &stored.status, &stored.record);
        code = emit(walk, &stored.status, &stored.record);
    }
    descriptor_close(stored.fd);
    return code;
}

/* Remembers a folder to be read when this one is closed. Returns 0 or a reason. */
static int read_later(struct reading *reading, const char *component)
{
    size_t size = strlen(component) + 1;

    if (reading->later_room - reading->later_length < size) {
        size_t room = 2 * reading->later_room + NAME_COMPONENT_LONGEST + 1;
        char *moved = realloc(reading->later, room);
        if (moved == NULL)
            return -REASON_INTERNAL;
        reading->later = moved;
        reading->later_room = room;
    }
    memcpy(reading->later + reading->later_length, component, size);
    reading->later_length += size;
    return 0;
}

static int list_folder(struct walk *walk, struct reading *reading, const char *component)
{
    bool is_deep = walk->query->deep;
    size_t length = reading->path_length + strlen(component);

    memcpy(walk->path + length, "/", 2);
    if (!is_visible(walk))
        return 0;
    if (!is_deep && walk->glob_count == 0)
        return strcmp(walk->path, LOST_AND_FOUND) == 0 &&
                       descriptor_access(reading->fd, component, R_OK | X_OK) < 0
                   ? 0
                   : emit(walk, NULL, NULL);
    if (!is_deep && !matches(walk, reading->level, false, component))
        return 0;
    if (reading->level + 1 >= OPEN_MOST)
        return read_later(reading, component);
    int fd = open_below(reading->fd, component, O_RDONLY | O_DIRECTORY);
    return fd >= 0 ? read_folder(walk, fd, length + 1, reading->level + 1) : skip(walk);
}

static int list_one(struct walk *walk, struct reading *reading, const struct dirent64 *dirent)
{
    struct stat status;
    const char *component = dirent->d_name;
    size_t path_length = reading->path_length;
    size_t length = strlen(component);
    mode_t type = (mode_t)DTTOIF(dirent->d_type);

    if (path_length + length > NAME_LONGEST || !name_component_is_valid(component, length))
        return 0;
    memcpy(walk->path + path_length, component, length + 1);
    /* Some file systems do not say what it is. It may be a folder. */
    if (dirent->d_type == DT_UNKNOWN) {
        if (fstatat(reading->fd, component, &status, AT_SYMLINK_NOFOLLOW) < 0) {
            memcpy(walk->path + path_length + length, "/", 2);
            return is_visible(walk) ? skip(walk) : 0;
        }
        type = status.st_mode & S_IFMT;
    }
    if (type == S_IFREG)
        return matches(walk, reading->level, true, component)
                   ? list_file(walk, reading->fd, component)
                   : 0;
    return type == S_IFDIR ? list_folder(walk, reading, component) : 0;
}

/* Reads the folders that were left for later, by their whole names. Returns 0 or a reason. */
static int read_rest(struct walk *walk, const struct reading *reading)
{
    int code = 0;

    for (size_t at = 0; code == 0 && at < reading->later_length;) {
        const char *component = reading->later + at;
        size_t length = reading->path_length + strlen(component);
        (void)memcpy(walk->path + reading->path_length, component, strlen(component) + 1);
        int fd = library_openat(walk->library, walk->path, O_RDONLY | O_DIRECTORY);
        /* A link that has taken its place is not followed. */
        if (fd < 0 && errno == ELOOP)
            errno = ENOTDIR;
        memcpy(walk->path + length, "/", 2);
        code = fd >= 0 ? read_folder(walk, fd, length + 1, reading->level + 1) : skip(walk);
        at += strlen(component) + 1;
    }
    return code;
}

/* Lists what is in a folder, unless no name in it would be short enough, and closes it. */
static int read_folder(struct walk *walk, int fd, size_t path_length, size_t level)
{
    struct reading reading = {.fd = fd, .path_length = path_length, .level = level};
    int code = 0;
    ssize_t got = 0;
    char *batch = malloc(BATCH);

    if (batch == NULL)
        code = -REASON_INTERNAL;
    while (code == 0 && (got = getdents64(fd, batch, BATCH)) > 0) {
        for (ssize_t at = 0; code == 0 && at < got;) {
            const struct dirent64 *dirent = (const struct dirent64 *)(void *)(batch + at);
            code = list_one(walk, &reading, dirent);
            at += dirent->d_reclen;
        }
        if (code == 0 && walk->query->batch_end != NULL)
            code = walk->query->batch_end(walk->query->context);
    }
    if (got < 0 && code == 0 && path_length == 0) {
        code = -REASON_UNAVAILABLE;
    } else if (got < 0 && code == 0) {
        walk->path[path_length] = '\0';
        code = skip(walk);
    }
    free(batch);
    descriptor_close(fd);
    if (code == 0)
        code = read_rest(walk, &reading);
    free(reading.later);
    return code;
}

int list_run(const struct library *library, const struct list_query *query)
{
    struct walk walk = {.library = library, .query = query};
    struct stat status;
    int code = 0;
    size_t length = query->folder != NULL ? strlen(query->folder) : 0;

    if (length > 0)
        (void)snprintf(walk.path, sizeof walk.path, "%s/", query->folder);
    if (!is_visible(&walk))
        return 0;
    int fd = library_openat(library, length > 0 ? query->folder : ".", O_RDONLY | O_DIRECTORY);
    if (fd >= 0) {
        code = compile(&walk);
        if (code == 0)
            code = read_folder(&walk, fd, strlen(walk.path), 0);
        else
            descriptor_close(fd);
        free_globs(&walk);
        return code;
    }
    if (length == 0)
        return -REASON_UNAVAILABLE;
    /* A symbolic link is not followed: there is nothing under this name. */
    if (errno != ENOTDIR)
        return errno == ELOOP ? 0 : skip(&walk);

    /* It may be the name of a file. */
    walk.path[length] = '\0';
    if (query->must_be_folder || query->match != NULL)
        return 0;
    const char *last = name_last_component(query->folder);
    int folder = folder_open_above(library, query->folder, O_PATH);
    if (folder < 0)
        return errno == ELOOP ? 0 : skip(&walk);
    if (fstatat(folder, last, &status, AT_SYMLINK_NOFOLLOW) < 0)
        code = skip(&walk);
    else if (S_ISREG(status.st_mode))
        code = list_file(&walk, folder, last);
    (void)close(folder);
    return code;
}
