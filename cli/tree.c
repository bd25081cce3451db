#include "cli/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/descriptor.h"

enum {
    ROOM_BELOW = 4096, /* bytes for what is below the walked folder */
};

struct walk {
    tree_visit *visit;
    void *context;
    char *path;
    size_t prefix; /* the length of the walked folder's path */
    size_t length;
    bool stopped;
};

static void walk_folder(struct walk *walk, int folder);

/* strcmp(3), whatever the locale. */
static int by_bytes(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static int is_no_dot(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static bool show(struct walk *walk, enum tree_kind kind, int folder, const char *last, int error)
{
    const char *below = walk->path + walk->prefix;
    const struct tree_entry entry = {
        .kind = kind,
        .path = walk->path,
        .relative = *below == '/' ? below + 1 : below,
        .last = last,
        .folder = folder,
        .error = error,
    };

    return walk->visit(walk->context, &entry);
}

/* Reports an entry of the folder whose path is set, and goes into it if it is a folder itself. */
static void walk_entry(struct walk *walk, int folder, const char *last)
{
    struct stat status;
    size_t length = walk->length;
    size_t adds = strlen(last) + 1;

    if (length + adds >= walk->prefix + ROOM_BELOW) {
        walk->stopped = !show(walk, TREE_UNREADABLE, folder, last, ENAMETOOLONG);
        return;
    }
    walk->path[length] = '/';
    memcpy(walk->path + length + 1, last, adds);
    walk->length = length + adds;
    bool is_known = fstatat(folder, last, &status, AT_SYMLINK_NOFOLLOW) == 0;
    enum tree_kind kind = !is_known                 ? TREE_UNREADABLE
                          : S_ISREG(status.st_mode) ? TREE_FILE
                          : S_ISDIR(status.st_mode) ? TREE_FOLDER
                          : S_ISLNK(status.st_mode) ? TREE_LINK
                                                    : TREE_SPECIAL;
    bool continues = show(walk, kind, folder, last, is_known ? 0 : errno);
    if (kind != TREE_FOLDER) {
        walk->stopped = !continues;
    } else if (continues) {
        int below = openat(folder, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0)
            walk_folder(walk, below);
        else
            walk->stopped = !show(walk, TREE_UNREADABLE, folder, last, errno);
    }
    walk->path[length] = '\0';
    walk->length = length;
}

/* Goes through an open folder, whose path is set, and closes it. */
static void walk_folder(struct walk *walk, int folder)
{
    struct dirent **found = NULL;
    char entries[1024];
    int count = scandirat(folder, ".", &found, is_no_dot, by_bytes);

    /* To readdir(3) a folder that was removed is empty. The system call says ENOENT. */
    if (count < 0 || getdents64(folder, entries, sizeof entries) < 0)
        walk->stopped = !show(walk, TREE_UNREADABLE, -1, "", errno);
    for (int i = 0; i < count; i++) {
        if (!walk->stopped)
            walk_entry(walk, folder, found[i]->d_name);
        free(found[i]);
    }
    free(found);
    descriptor_close(folder);
}

void tree_walk(int folder, const char *path, tree_visit *visit, void *context)
{
    size_t prefix = strlen(path);

    while (prefix > 1 && path[prefix - 1] == '/')
        prefix--;
    struct walk walk = {.visit = visit, .context = context, .prefix = prefix, .length = prefix};
    walk.path = malloc(prefix + ROOM_BELOW);
    if (walk.path == NULL) {
        const struct tree_entry none = {
            .kind = TREE_UNREADABLE, .path = path, .relative = "", .last = "", .error = ENOMEM};
        (void)visit(context, &none);
        descriptor_close(folder);
        return;
    }
    memcpy(walk.path, path, prefix);
    walk.path[prefix] = '\0';
    walk_folder(&walk, folder);
    free(walk.path);
}
