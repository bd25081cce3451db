/*
 * Trees: all that lies below a local folder, in the order of the names' bytes.
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

/* What was found. It lives as long as the call that shows it. */
struct tree_entry {
    enum tree_kind kind;
    const char *path;     /* the walked folder's, and what is below it */
    const char *relative; /* the part of `path` below the walked folder; "" for itself */
    const char *last;     /* the last component */
    int folder;           /* of which it is `last`; -1 where there is none */
    int error;            /* of TREE_UNREADABLE: an errno */
};

/*
 * Is shown what is found: a folder before all that is below it. Returns whether to go on: into a
 * folder, or, behind anything else, at all.
 */
typedef bool tree_visit(void *context, const struct tree_entry *entry);

/* Walks a folder, which is closed in the end. Memory that is missing is unreadable, too. */
void tree_walk(int folder, const char *path, tree_visit *visit, void *context);

#endif
