#include "cli/user_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

bool user_folder_find_own(char path[PATH_MAX], const char *variable, const char *fallback,
                          const char *below)
{
    struct stat status;
    char *slash = NULL;

    /* Below that folder or, where it is still to be made, below the last one that is there. */
    if (!user_folder_find(path, variable, "", ""))
        return false;
    while ((slash = strrchr(path, '/')) != NULL && stat(path, &status) < 0 && errno == ENOENT)
        *slash = '\0';
    bool is_own = slash != NULL && stat(path, &status) == 0 && status.st_uid == geteuid();
    if (is_own && user_folder_find(path, variable, fallback, below))
        return true;
    path[0] = '\0';
    return false;
}

void user_folder_make(const char *path, int most)
{
    char folder[PATH_MAX];

    (void)snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    if (mkdir(folder, 0700) == 0 || errno != ENOENT || most <= 1 || folder[0] == '\0')
        return;
    user_folder_make(folder, most - 1);
    (void)mkdir(folder, 0700);
}
