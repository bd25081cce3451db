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
};

static const char LOST_AND_FOUND[] = "lost+found/";

/* A listing under way. `path` is the name that was reached; that of a folder ends in '/'. */
struct walk {
    const struct list_query *query;
    char path[PATH_ROOM];
};

/* The part of a pattern that applies to one folder. */
struct pattern {
    const char *component; /* NULL: everything matches */
    size_t length;
    const char *rest; /* after the '/'; NULL when this is the last component */
    size_t rest_length;
};

static int read_folder(struct walk *walk, int fd, size_t path_length, struct pattern pattern);

/* Cuts off the first component of a pattern. One for `deep` listings is not cut. */
static struct pattern cut_pattern(const char *bytes, size_t length, bool deep)
{
    const char *slash = bytes != NULL && !deep ? memchr(bytes, '/', length) : NULL;

    if (slash == NULL)
        return (struct pattern){.component = bytes, .length = length};
    size_t first = (size_t)(slash - bytes);
    return (struct pattern){
        .component = bytes, .length = first, .rest = slash + 1, .rest_length = length - first - 1};
}

static bool matches(const struct pattern *pattern, const char *text)
{
    return pattern->component == NULL ||
           glob_matches(pattern->component, pattern->length, text, strlen(text));
}

/*
 * The entry at `path` cannot be listed, because of errno. Reports that, unless it has gone since its
 * folder was read. The lost+found that mkfs(8) makes is for root alone; nobody misses it.
 */
static int skip(const struct walk *walk)
{
    const struct list_query *query = walk->query;

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

static int list_file(struct walk *walk, int folder, const char *component,
                     const struct pattern *pattern)
{
    struct stored stored = {.fd = -1};
    int code = 0;

    if (pattern->rest != NULL || !matches(pattern, component) || !is_visible(walk))
        return 0;
    if (!walk->query->details)
        return emit(walk, NULL, NULL);
    /* A file that cannot be read has no record to show, but a size and a time. */
    stored.fd = open_below(folder, component, O_RDONLY);
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

static int list_folder(struct walk *walk, int folder, const char *component, size_t path_length,
                       const struct pattern *pattern)
{
    struct pattern below = *pattern;

    memcpy(walk->path + path_length, "/", 2);
    if (!is_visible(walk))
        return 0;
    if (!walk->query->deep && pattern->component == NULL)
        return strcmp(walk->path, LOST_AND_FOUND) == 0 &&
                       descriptor_access(folder, component, R_OK | X_OK) < 0
                   ? 0
                   : emit(walk, NULL, NULL);
    if (!walk->query->deep) {
        if (pattern->rest == NULL || !matches(pattern, component))
            return 0;
        below = cut_pattern(pattern->rest, pattern->rest_length, false);
    }

    int fd = open_below(folder, component, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return skip(walk);
    if (path_length + 1 >= NAME_LONGEST) {
        (void)close(fd);
        return 0;
    }
    return read_folder(walk, fd, path_length + 1, below);
}

static int list_one(struct walk *walk, int folder, const struct dirent64 *dirent,
                    size_t path_length, const struct pattern *pattern)
{
    struct stat status;
    size_t length = strlen(dirent->d_name);
    mode_t type = (mode_t)DTTOIF(dirent->d_type);

    if (path_length + length > NAME_LONGEST || !name_component_is_valid(dirent->d_name, length))
        return 0;
    memcpy(walk->path + path_length, dirent->d_name, length + 1);
    /* Some file systems do not say what it is. It may be a folder. */
    if (dirent->d_type == DT_UNKNOWN) {
        if (fstatat(folder, dirent->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
            memcpy(walk->path + path_length + length, "/", 2);
            return is_visible(walk) ? skip(walk) : 0;
        }
        type = status.st_mode & S_IFMT;
    }
    if (type != S_IFREG && type != S_IFDIR)
        return 0;
    if (type == S_IFREG)
        return list_file(walk, folder, dirent->d_name, pattern);
    return list_folder(walk, folder, dirent->d_name, path_length + length, pattern);
}

/* Lists what is in a folder, and closes it. */
static int read_folder(struct walk *walk, int fd, size_t path_length, struct pattern pattern)
{
    int code = 0;
    ssize_t got = 0;
    char *batch = malloc(BATCH);

    if (batch == NULL)
        code = -REASON_INTERNAL;
    while (code == 0 && (got = getdents64(fd, batch, BATCH)) > 0) {
        for (ssize_t at = 0; code == 0 && at < got;) {
            const struct dirent64 *dirent = (const struct dirent64 *)(void *)(batch + at);
            code = list_one(walk, fd, dirent, path_length, &pattern);
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
    (void)close(fd);
    return code;
}

int list_run(const struct library *library, const struct list_query *query)
{
    struct walk walk = {.query = query};
    struct stat status;
    const struct pattern everything = {.component = NULL};
    int code = 0;
    size_t length = query->folder != NULL ? strlen(query->folder) : 0;

    if (length > 0)
        (void)snprintf(walk.path, sizeof walk.path, "%s/", query->folder);
    if (!is_visible(&walk))
        return 0;
    int fd = library_openat(library, length > 0 ? query->folder : ".", O_RDONLY | O_DIRECTORY);
    if (fd >= 0)
        return read_folder(&walk, fd, strlen(walk.path),
                           cut_pattern(query->match, query->match_length, query->deep));
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
        code = list_file(&walk, folder, last, &everything);
    (void)close(folder);
    return code;
}
