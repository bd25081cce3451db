#include "cli/user_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/descriptor.h"

bool user_folder_find(char path[PATH_MAX], const char *variable, const char *fallback,
                      const char *below)
{
    const char *set = getenv(variable);
    const char *home = getenv("HOME");
    bool is_set = set != NULL && set[0] == '/';
    int length = 0;

    if (is_set)
        length = snprintf(path, PATH_MAX, "%s/%s", set, below);
    else if (home != NULL && home[0] == '/')
        length = snprintf(path, PATH_MAX, "%s/%s/%s", home, fallback, below);
    if (length > 0 && length < PATH_MAX)
        return true;
    path[0] = '\0';
    return false;
}

static bool is_own(int folder)
{
    struct stat status;

    return fstat(folder, &status) == 0 && status.st_uid == geteuid();
}

int user_folder_open(const char *variable, const char *fallback, const char *below)
{
    const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    const char *set = getenv(variable);
    bool is_set = set != NULL && set[0] == '/';
    const char *home = is_set ? set : getenv("HOME");
    char path[PATH_MAX];
    char *rest = path;

    if (home == NULL || !user_folder_find(path, variable, fallback, below))
        return -1;
    size_t length = strlen(home);
    while (length > 1 && path[length - 1] == '/')
        length--;
    int folder = open("/", flags);
    while (folder >= 0 && rest != NULL) {
        const char *name = strsep(&rest, "/");
        size_t end = (size_t)(name - path) + strlen(name);
        if (name[0] == '\0')
            continue;
        int above = folder;
        folder = openat(above, name, flags);
        /* HOME itself is not made. */
        if (folder < 0 && errno == ENOENT && (end > length || (is_set && end == length)) &&
            is_own(above) && (mkdirat(above, name, 0700) == 0 || errno == EEXIST))
            folder = openat(above, name, flags);
        descriptor_close(above);
        if (folder >= 0 && end >= length && !is_own(folder)) {
            descriptor_close(folder);
            folder = -1;
            errno = EPERM;
        }
    }
    return folder;
}
