/*
 * Claims: which file of this run owns a name, so that no other file of the same run replaces it. They
 * take at most 64 MiB: after 1.5 million names all are forgotten.
 */
#ifndef CLI_CLAIMS_H
#define CLI_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>

/* Begins as {0}, which has no claims and takes none. */
struct claims {
    struct claim *slots;
    size_t count;
};

/* Returns 0, or -1 with errno set when there is no memory. */
int claims_begin(struct claims *claims);
void claims_free(struct claims *claims);

/* Does the name, of `length` bytes, belong to another owner than this? */
bool claims_conflict(const struct claims *claims, const void *name, size_t length,
                     const char *owner);

/* From now on the name belongs to this owner. */
void claims_note(struct claims *claims, const void *name, size_t length, const char *owner);

#endif
