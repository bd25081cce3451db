/*
 * The cache of listings, for completion: what a folder held a moment ago, and which server has not
 * answered. A few small files in $XDG_CACHE_HOME/fsc or ~/.cache/fsc; where none can be written,
 * nothing is remembered.
 */
#ifndef CLI_LISTING_CACHE_H
#define CLI_LISTING_CACHE_H

#include <limits.h>

#include "cli/entries.h"
#include "protocol/digest.h"

/* The place of one folder's listing, or of a server's failure. */
struct listing_cache {
    const char *folder;    /* "" for the library, else with "/" behind it; NULL for the failure */
    char path[PATH_MAX];   /* of the file; empty: there is none */
    char key[DIGEST_ROOM]; /* of server and folder: others may have the same file */
};

/* Finds the place for a server and a folder, as above, which must live as long as `cache`. */
void listing_cache_find(struct listing_cache *cache, const char *server, const char *folder);

/*
 * Adds the names in a folder to `entries`, each checked to be one. Returns whether they are
 * remembered, which they are for 5 s.
 */
bool listing_cache_load(const struct listing_cache *cache, struct entries *entries);

/* Is it remembered that the server has failed? It is for 10 s. */
bool listing_cache_has_failed(const struct listing_cache *cache);

/* Remembers the names in a folder; or, with NULL, the failure of a server. */
void listing_cache_store(const struct listing_cache *cache, const struct entries *entries);
void listing_cache_forget(const struct listing_cache *cache);

#endif
