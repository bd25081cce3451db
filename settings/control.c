#include "settings/control.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
    LINKS_MOST = 40, /* that are followed, as Linux does */
};

int control_find_id(const char *map, unsigned id, bool *ret)
{
    char line[128];
    bool is_there = false;
    FILE *file = fopen(map, "re");

    if (file == NULL && errno != ENOENT)
        return -1;
    /* The first number inside, the first one outside, how many there are. */
    while (file != NULL && !is_there && fgets(line, sizeof line, file) != NULL) {
        char *next = line;
        unsigned long first = strtoul(next, &next, 10);
        (void)strtoul(next, &next, 10);
        unsigned long count = strtoul(next, &next, 10);
        is_there = id >= first && id - first < count;
    }
    *ret = is_there || file == NULL;
    if (file != NULL)
        (void)fclose(file);
    return 0;
}

bool control_is_numbered(uid_t uid)
{
    bool is_numbered = true;

    if (uid == CONTROL_OVERFLOW_ID)
        (void)control_find_id("/proc/self/uid_map", uid, &is_numbered);
    return is_numbered;
}

bool control_is_ours(const struct stat *status)
{
    return status->st_uid == 0 || status->st_uid == geteuid() ||
           !control_is_numbered(status->st_uid);
}

/*
 * Is this group that of one user alone, as many systems make one for each? It has the user's number
 * or, where that was taken, the user's name.
 */
static bool is_private_group(gid_t gid, uid_t uid)
{
    const struct group *group = getgrgid(gid);
    const struct passwd *user = group != NULL ? getpwuid(uid) : NULL;

    if (group == NULL || (gid != uid && (user == NULL || user->pw_gid != gid ||
                                         strcmp(user->pw_name, group->gr_name) != 0)))
        return false;
    const char *name = user != NULL ? user->pw_name : group->gr_name;
    return group->gr_mem[0] == NULL ||
           (strcmp(group->gr_mem[0], name) == 0 && group->gr_mem[1] == NULL);
}

bool control_is_shared(const char *path, const struct stat *status)
{
    if ((status->st_mode & (S_IWGRP | S_IWOTH)) != S_IWGRP)
        return (status->st_mode & S_IWOTH) != 0;
    /* With an ACL, the bits of the group are those of all that it names. */
    return !is_private_group(status->st_gid, status->st_uid) ||
           getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

const char *control_name_user(uid_t uid, char text[CONTROL_USER_ROOM])
{
    const struct passwd *user = control_is_numbered(uid) ? getpwuid(uid) : NULL;

    if (user != NULL)
        (void)snprintf(text, CONTROL_USER_ROOM, "%s", user->pw_name);
    else
        (void)snprintf(text, CONTROL_USER_ROOM, "uid %lu", (unsigned long)uid);
    return text;
}

/* Puts the text of the link at `path`, whose way on is `rest`, in its place. False if it cannot. */
static bool follow(char path[PATH_MAX], const char *rest)
{
    char target[PATH_MAX];
    char whole[2 * PATH_MAX];
    ssize_t length = readlink(path, target, sizeof target - 1);

    if (length <= 0)
        return false;
    target[length] = '\0';
    int folder = target[0] == '/' ? 0 : (int)(strrchr(path, '/') + 1 - path);
    int whole_length = snprintf(whole, sizeof whole, "%.*s%s/%s", folder, path, target, rest);
    if (whole_length < 0 || whole_length >= PATH_MAX)
        return false;
    memcpy(path, whole, (size_t)whole_length + 1);
    return true;
}

/*
 * By path, which is safe: nobody else can change the part of it that was found to be ours, and the
 * walk ends at the first folder that others can change.
 */
void control_find(struct control *control, const char *path)
{
    char way[PATH_MAX];     /* without links, as far as it was looked at */
    size_t length = 0;      /* of that part; 0: the root */
    size_t folder = 0;      /* of the last folder in it */
    bool is_sticky = false; /* others can make files in the folder, but not replace any */

    control->kind = CONTROL_OURS;
    control->owner = 0;
    control->folder[0] = '\0';
    (void)snprintf(way, sizeof way, "%s", path);
    for (int links = 0; links <= LINKS_MOST;) {
        const char *rest = way + length + strspn(way + length, "/");
        const char *here = length == 0 ? "/" : way;
        char next = way[length];
        struct stat status;
        way[length] = '\0';
        /* What is not there may be made by anybody. */
        if (lstat(here, &status) < 0 ||
            (is_sticky && !(control_is_ours(&status) && control_is_numbered(status.st_uid))))
            break;
        if (S_ISLNK(status.st_mode)) {
            if (!follow(way, rest))
                break;
            links++;
            length = folder = 0;
            is_sticky = false;
            continue;
        }
        if (*rest == '\0')
            return;
        folder = length;
        if (!control_is_ours(&status) && control->kind == CONTROL_OURS) {
            control->kind = CONTROL_OWNER;
            control->owner = status.st_uid;
            (void)snprintf(control->folder, sizeof control->folder, "%s", here);
        } else if (!control_is_ours(&status) && control->owner != status.st_uid) {
            break;
        }
        bool is_shared = control_is_shared(here, &status);
        is_sticky = is_shared && (status.st_mode & S_ISVTX) != 0;
        if (is_shared && !is_sticky)
            break;
        way[length] = next;
        length = (size_t)(rest - way) + strcspn(rest, "/");
    }
    control->kind = CONTROL_OTHERS;
    (void)snprintf(control->folder, sizeof control->folder, "%.*s", folder == 0 ? 1 : (int)folder,
                   folder == 0 ? "/" : way);
}
