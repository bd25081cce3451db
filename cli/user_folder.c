#include "cli/user_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

void user_folder_make(const char *path, int most)
{
    char above[PATH_MAX];
    const char *last = strrchr(path, '/');

    if (mkdir(path, 0700) == 0 || errno != ENOENT || most <= 1 || last == NULL || last == path)
        return;
    (void)snprintf(above, sizeof above, "%.*s", (int)(last - path), path);
    user_folder_make(above, most - 1);
    (void)mkdir(path, 0700);
}
