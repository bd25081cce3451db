/*
 * The cache for completion: which names folders had a moment ago, and which servers did not answer.
 * It is at most 16 small files in $XDG_CACHE_HOME/fsc or ~/.cache/fsc. Where they cannot be written,
 * nothing is remembered.
 */
#ifndef CLI_LISTING_CACHE_H
#define CLI_LISTING_CACHE_H

#include "cli/entries.h"
#include "protocol/digest.h"

/* Where the names in a folder are kept, or the note that a server has not answered. */
struct listing_cache {
    const char *folder; /* "" for the library, else it ends with "/"; NULL for the note */
    int place;          /* the open folder that has the file; -1 for none */
    char file[16];
    char key[DIGEST_ROOM]; /* of server and folder: others may use the same file */
};

/*
 * Finds the place for a server and a folder. `folder` must live as long as `cache`, whose place
 * listing_cache_close() closes.
 */
void listing_cache_find(struct listing_cache *cache, const char *server, const char *folder);

/*
 * Returns whether there is something that is recent: the names in a folder for 5 s, the note for
 * 10 s. Adds the names to `entries`, those of them that can be in the folder; NULL for the note.
 */
bool listing_cache_load(const struct listing_cache *cache, struct entries *entries);

/* Remembers the names in `entries`; NULL for the note, which has none. */
void listing_cache_store(const struct listing_cache *cache, const struct entries *entries);
void listing_cache_forget(const struct listing_cache *cache);

void listing_cache_close(struct listing_cache *cache);

#endif
