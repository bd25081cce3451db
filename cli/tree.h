/*
 * Trees: everything below a local folder, sorted by the bytes of the names.
 */
#ifndef CLI_TREE_H
#define CLI_TREE_H

#include <stdbool.h>

enum tree_kind {
    TREE_FILE,
    TREE_FOLDER,
    TREE_LINK,    /* a symbolic link, which is not followed */
    TREE_SPECIAL, /* a FIFO, a socket, a device */
    TREE_UNREADABLE,
};

/* What was found. It is valid during the call that gets it. */
struct tree_entry {
    enum tree_kind kind;
    const char *path;     /* the walked folder's, and what is below it */
    const char *relative; /* the part of `path` below the walked folder; "" for itself */
    const char *last;     /* the last component */
    int folder;           /* the open folder that has `last`; -1: there is none */
    int error;            /* of TREE_UNREADABLE: an errno */
};

/*
 * Called for each thing found, for a folder before what is in it. Returns whether to continue: for a
 * folder, whether to go into it; for anything else, whether to continue the walk.
 */
typedef bool tree_visit(void *context, const struct tree_entry *entry);

/* Walks an open folder, and closes it. Without memory it is TREE_UNREADABLE. */
void tree_walk(int folder, const char *path, tree_visit *visit, void *context);

#endif
