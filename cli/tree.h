/*
 * Trees: everything below a local folder, sorted by the bytes of the names, less what a filter leaves
 * out.
 */
#ifndef CLI_TREE_H
#define CLI_TREE_H

#include <stdbool.h>

#include "cli/filter.h"

enum tree_kind {
    TREE_FILE,
    TREE_FOLDER,
    TREE_LINK,    /* a symbolic link, which is not followed; or cannot be, as `error` says */
    TREE_SPECIAL, /* a FIFO, a socket, a device */
    TREE_UNREADABLE,
};

/* Begins as {0}: everything, and no link is followed. */
struct tree_rules {
    struct filter filter;
    /*
     * Links are followed wherever they lead, and what they lead to is found as often as they do. A
     * folder that one leads to, and that is above it or on the way to it, is a TREE_LINK with ELOOP.
     */
    bool follows_links;
};

/* What was found. It is valid during the call that gets it. */
struct tree_entry {
    enum tree_kind kind;
    const char *path;     /* the walked folder's, and what is below it */
    const char *relative; /* the part of `path` below the walked folder; "" for itself */
    const char *last;     /* the last component */
    int folder;           /* the open folder that has `last`; -1: there is none */
    int error;            /* an errno: of TREE_UNREADABLE, and of a link that leads nowhere */
    bool is_excluded;     /* by the filter */
};

/*
 * Called for each thing found, for a folder before what is in it. Returns whether to continue: for a
 * folder that is not excluded, whether to go into it; for anything else, whether to continue the walk.
 */
typedef bool tree_visit(void *context, const struct tree_entry *entry);

/* Walks an open folder, and closes it. Without memory it is TREE_UNREADABLE. */
void tree_walk(int folder, const char *path, const struct tree_rules *rules, tree_visit *visit,
               void *context);

#endif
