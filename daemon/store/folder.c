#include "daemon/store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/descriptor.h"
#include "protocol/name.h"

enum {
    FOLDER_MODE = 0750, /* of folders that come with their first file */
};

/* Cuts the last component off; the library itself is ".". Returns false when there is none left. */
static bool cut_last(char path[NAME_LONGEST + 1])
{
    char *slash = strrchr(path, '/');
    if (slash != NULL) {
        *slash = '\0';
        return true;
    }
    if (strcmp(path, ".") == 0)
        return false;
    memcpy(path, ".", 2);
    return true;
}

/* What errno comes to when a folder on the way to a name cannot be opened. */
static int way_failure(void)
{
    return errno == ENOTDIR || errno == ELOOP ? -REASON_NOT_A_FILE : library_failure(errno);
}

static void copy_name(char path[NAME_LONGEST + 1], const char *name)
{
    memcpy(path, name, strlen(name) + 1);
}

/* Makes the folder `path` and those above it. */
static int make_all(const struct library *library, char *path, size_t *ret_made)
{
    for (char *slash = path; slash != NULL;) {
        slash = strchr(slash, '/');
        if (slash != NULL)
            *slash = '\0';
        int above = folder_open_above(library, path, O_PATH);
        if (above < 0)
            return -1;
        int made = mkdirat(above, name_last_component(path), FOLDER_MODE);
        descriptor_close(above);
        if (made < 0 && errno != EEXIST)
            return -1;
        if (made == 0 && *ret_made == 0)
            *ret_made = strlen(path);
        if (slash != NULL)
            *slash++ = '/';
    }
    return 0;
}

int folder_open_above(const struct library *library, const char *name, int flags)
{
    char above[NAME_LONGEST + 1];

    copy_name(above, name);
    (void)cut_last(above);
    return library_openat(library, above, flags | O_DIRECTORY);
}

int folder_make(const struct library *library, const char *name, int *ret_fd, size_t *ret_made)
{
    const int flags = O_RDONLY | O_DIRECTORY;
    char path[NAME_LONGEST + 1];

    *ret_made = 0;
    copy_name(path, name);
    (void)cut_last(path);
    *ret_fd = library_openat(library, path, flags);
    if (*ret_fd < 0 && errno == ENOENT && make_all(library, path, ret_made) == 0)
        *ret_fd = library_openat(library, path, flags);
    if (*ret_fd >= 0)
        return 0;
    return way_failure();
}

void folder_prune(const struct library *library, const char *name, size_t made)
{
    char path[NAME_LONGEST + 1];

    copy_name(path, name);
    while (cut_last(path) && strlen(path) >= made && strcmp(path, ".") != 0) {
        int fd = folder_open_above(library, path, O_PATH);
        int code = fd < 0 ? -1 : unlinkat(fd, name_last_component(path), AT_REMOVEDIR);
        descriptor_close(fd);
        /* The lowest ones may never have been made. */
        if (code < 0 && errno != ENOENT)
            return;
    }
}

/* Opens every folder from the name up to the library, and makes it durable if asked to. */
static int go_up(const struct library *library, const char *name, bool sync)
{
    char path[NAME_LONGEST + 1];

    copy_name(path, name);
    while (cut_last(path)) {
        int fd = library_openat(library, path, O_RDONLY | O_DIRECTORY);
        if (fd < 0 && sync && errno == ENOENT)
            continue;
        if (fd < 0)
            return way_failure();
        int code = sync ? fsync(fd) : 0;
        descriptor_close(fd);
        if (code < 0)
            return -REASON_INTERNAL;
    }
    return 0;
}

int folder_judge(const struct library *library, const char *name)
{
    return go_up(library, name, false);
}

int folder_sync(const struct library *library, const char *name)
{
    return go_up(library, name, true);
}
