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

/* Which folder it is, on all file systems. */
struct folder_id {
    dev_t device;
    ino_t inode;
};

struct walk {
    tree_visit *visit;
    void *context;
    const struct tree_rules *rules;
    char *path;
    size_t prefix; /* the length of the walked folder's path */
    size_t length;
    bool stopped;
    struct folder_id *above; /* with links: the folders above and on the way to the one at hand */
    size_t above_count;
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

/* The part of the path below the walked folder. */
static const char *relative_path(const struct walk *walk)
{
    const char *below = walk->path + walk->prefix;

    return *below == '/' ? below + 1 : below;
}

static bool show(struct walk *walk, enum tree_kind kind, int folder, const char *last, int error,
                 bool is_excluded)
{
    const struct tree_entry entry = {
        .kind = kind,
        .path = walk->path,
        .relative = relative_path(walk),
        .last = last,
        .folder = folder,
        .error = error,
        .is_excluded = is_excluded,
    };

    return walk->visit(walk->context, &entry);
}

/* Notes an open folder as one on the way. Returns 0, or -1 with errno set, ELOOP if it is one already. */
static int add_above(struct walk *walk, int folder)
{
    struct stat status;
    struct folder_id *above = NULL;

    if (fstat(folder, &status) < 0)
        return -1;
    for (size_t i = 0; i < walk->above_count; i++) {
        if (walk->above[i].device == status.st_dev && walk->above[i].inode == status.st_ino) {
            errno = ELOOP;
            return -1;
        }
    }
    above = realloc(walk->above, (walk->above_count + 1) * sizeof *above);
    if (above == NULL)
        return -1;
    walk->above = above;
    above[walk->above_count++] = (struct folder_id){status.st_dev, status.st_ino};
    return 0;
}

/* Notes the folders above an open one, as far as they can be opened. The last one is above itself. */
static void add_all_above(struct walk *walk, int folder)
{
    const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    int above = openat(folder, "..", flags);

    while (above >= 0 && add_above(walk, above) == 0) {
        int next = openat(above, "..", flags);
        descriptor_close(above);
        above = next;
    }
    descriptor_close(above);
}

/* What is it? Sets errno for TREE_UNREADABLE and TREE_LINK, which is 0 for one that is not followed. */
static enum tree_kind find_kind(const struct walk *walk, int folder, const char *last)
{
    struct stat status;

    if (fstatat(folder, last, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return TREE_UNREADABLE;
    errno = 0;
    if (S_ISLNK(status.st_mode) && !walk->rules->follows_links)
        return TREE_LINK;
    if (S_ISLNK(status.st_mode) && fstatat(folder, last, &status, 0) < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? TREE_LINK : TREE_UNREADABLE;
    return S_ISREG(status.st_mode)   ? TREE_FILE
           : S_ISDIR(status.st_mode) ? TREE_FOLDER
                                     : TREE_SPECIAL;
}

/* Opens a folder that was found, which may be one on the way already, and goes into it. */
static void walk_below(struct walk *walk, int folder, const char *last)
{
    bool follows = walk->rules->follows_links;
    int below =
        openat(folder, last, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follows ? 0 : O_NOFOLLOW));

    if (below < 0) {
        walk->stopped = !show(walk, TREE_UNREADABLE, folder, last, errno, false);
    } else if (follows && add_above(walk, below) < 0) {
        walk->stopped =
            !show(walk, errno == ELOOP ? TREE_LINK : TREE_UNREADABLE, folder, last, errno, false);
        descriptor_close(below);
    } else {
        walk_folder(walk, below);
        walk->above_count -= follows;
    }
}

/* Reports an entry of the folder whose path is set, and goes into it if it is a folder itself. */
static void walk_entry(struct walk *walk, int folder, const char *last)
{
    size_t length = walk->length;
    size_t adds = strlen(last) + 1;

    if (length + adds >= walk->prefix + ROOM_BELOW) {
        walk->stopped = !show(walk, TREE_UNREADABLE, folder, last, ENAMETOOLONG, false);
        return;
    }
    walk->path[length] = '/';
    memcpy(walk->path + length + 1, last, adds);
    walk->length = length + adds;
    enum tree_kind kind = find_kind(walk, folder, last);
    int error = kind == TREE_UNREADABLE || kind == TREE_LINK ? errno : 0;
    bool is_excluded =
        filter_excludes(&walk->rules->filter, relative_path(walk), kind == TREE_FOLDER);
    bool continues = show(walk, kind, folder, last, error, is_excluded);
    if (kind != TREE_FOLDER || is_excluded)
        walk->stopped = !continues;
    else if (continues)
        walk_below(walk, folder, last);
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
        walk->stopped = !show(walk, TREE_UNREADABLE, -1, "", errno, false);
    for (int i = 0; i < count; i++) {
        if (!walk->stopped)
            walk_entry(walk, folder, found[i]->d_name);
        free(found[i]);
    }
    free(found);
    descriptor_close(folder);
}

void tree_walk(int folder, const char *path, const struct tree_rules *rules, tree_visit *visit,
               void *context)
{
    size_t prefix = strlen(path);

    while (prefix > 1 && path[prefix - 1] == '/')
        prefix--;
    struct walk walk = {
        .visit = visit, .context = context, .rules = rules, .prefix = prefix, .length = prefix};
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
    if (rules->follows_links) {
        (void)add_above(&walk, folder);
        add_all_above(&walk, folder);
    }
    walk_folder(&walk, folder);
    free(walk.above);
    free(walk.path);
}
