#include "daemon/store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/descriptor.h"

enum {
    FOLDER_MODE = 0750, /* of folders that come with their first file */
};

static int open_one(int above, const char *name)
{
    int fd = -1;

    do
        fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd;
}

int folders_open(struct folders *folders, const struct library *library, const char *name,
                 bool make)
{
    char *slash = NULL;
    int fd = open_one(library->root, ".");

    folders->count = 0;
    folders->made = 0;
    char *rest = memcpy(folders->text, name, strlen(name) + 1);
    while (fd >= 0) {
        folders->fds[folders->count++] = fd;
        folders->last = rest;
        slash = strchr(rest, '/');
        if (slash == NULL)
            return 0;
        *slash = '\0';
        folders->names[folders->count] = rest;
        int above = fd;
        fd = open_one(above, rest);
        if (fd < 0 && errno == ENOENT && make) {
            bool is_made = mkdirat(above, rest, FOLDER_MODE) == 0;
            /* Unless somebody else has just made it. */
            if (is_made || errno == EEXIST)
                fd = open_one(above, rest);
            if (fd < 0 && is_made) {
                int error = errno;
                (void)unlinkat(above, rest, AT_REMOVEDIR);
                errno = error;
            } else if (is_made && folders->made == 0) {
                folders->made = folders->count;
            }
        }
        rest = slash + 1;
    }
    return errno == ENOTDIR || errno == ELOOP ? -REASON_NOT_A_FILE : library_failure(errno);
}

int folders_parent(const struct folders *folders)
{
    return folders->fds[folders->count - 1];
}

void folders_prune(struct folders *folders, size_t first)
{
    int error = errno;

    while (folders->count > first) {
        size_t lowest = folders->count - 1;
        if (unlinkat(folders->fds[lowest - 1], folders->names[lowest], AT_REMOVEDIR) < 0 &&
            errno != ENOENT)
            break;
        (void)close(folders->fds[lowest]);
        folders->count = lowest;
    }
    errno = error;
}

int folders_sync(struct folders *folders)
{
    while (folders->count > 0) {
        int fd = folders->fds[--folders->count];
        int code = fsync(fd);
        descriptor_close(fd);
        /* Some file systems cannot sync a folder that was removed meanwhile. Then it was empty. */
        if (code < 0 && errno != ENOENT) {
            folders_close(folders);
            return -REASON_INTERNAL;
        }
    }
    return 0;
}

void folders_close(struct folders *folders)
{
    while (folders->count > 0)
        descriptor_close(folders->fds[--folders->count]);
}

int folder_open_above(const struct library *library, const char *name, int flags)
{
    char above[NAME_LONGEST + 1];
    const char *last = name_last_component(name);
    size_t length = last > name ? (size_t)(last - name - 1) : 0;

    memcpy(above, name, length);
    above[length] = '\0';
    return library_openat(library, length > 0 ? above : ".", flags | O_DIRECTORY);
}
