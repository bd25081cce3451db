/*
 * Control: who, besides root and the user of this process, can change what a path leads to.
 *
 * In a user namespace all users without a number there look the same. Root of the machine is one of
 * them, so they count as root, except where everybody can make files, as in /tmp.
 */
#ifndef SETTINGS_CONTROL_H
#define SETTINGS_CONTROL_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

enum {
    CONTROL_USER_ROOM = 64,
};

enum control_kind {
    CONTROL_OURS,   /* nobody */
    CONTROL_OWNER,  /* one other user, who owns folders on the way */
    CONTROL_OTHERS, /* several, or anybody */
};

struct control {
    enum control_kind kind;
    uid_t owner;           /* the user of CONTROL_OWNER */
    char folder[PATH_MAX]; /* on the way, where that is so; empty with CONTROL_OURS */
};

/*
 * Looks at all folders on the way to what is at an absolute path, through symbolic links. Who can
 * write to what is there itself does not matter.
 */
void control_find(struct control *control, const char *path);

/* Is it root's, or that of the user of this process? */
bool control_is_ours(const struct stat *status);

/*
 * Can somebody other than its owner write to the file or folder at a path? A group of its owner that
 * has no other members does not count: many systems make one for each user.
 */
bool control_is_shared(const char *path, const struct stat *status);

enum {
    CONTROL_OVERFLOW_ID = 65534, /* all who have no number in this namespace (user_namespaces(7)) */
};

/*
 * Does this user namespace have that number? If it has not, CONTROL_OVERFLOW_ID may be anybody. `map`
 * is /proc/self/uid_map or gid_map; without that file, all numbers are there. Returns 0, or -1 with
 * errno set.
 */
int control_find_id(const char *map, unsigned id, bool *ret);

/* Does this user have a number in our user namespace, as far as can be found out? */
bool control_is_numbered(uid_t uid);

/* Writes what a user is called, or "uid 1000". Returns `text`. */
const char *control_name_user(uid_t uid, char text[CONTROL_USER_ROOM]);

#endif
