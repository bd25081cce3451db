/*
 * Listings: what a server tells of the files in its library, each line checked to be what was asked
 * for.
 */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "cli/connection.h"

struct listing_request {
    const char *name;  /* of a folder, "/" behind it or not, or of a file; NULL for everything */
    const char *match; /* a pattern; NULL for none */
    bool deep;         /* all files below, and no folders */
    bool details;      /* size and time are of use */
    bool watch;        /* files as they are stored, without an end; `deep` goes with it */
    bool existing;     /* with `watch`: first those that are there */
};

/* A file or a folder of a listing. Its texts live as long as the call that shows it. */
struct entry {
    const char *name; /* a folder's ends in "/" */
    int64_t size;     /* -1: not told, as of a folder */
    bool has_mtime;
    struct timespec mtime;
    const char *digest; /* NULL: not told */
    const char *by;     /* who stored it; NULL: not told */
};

/* Takes an entry. Returns 0, or a reason: then nothing more is read. */
typedef int listing_sink(void *context, const struct entry *entry, struct failure *failure);

/*
 * Asks for a listing and gives its entries to the sink, in the order in which they come. Returns 0
 * when it was whole; -REASON_EMPTY when there is nothing to see; or another reason. One that watches
 * has one of these reasons, or the sink's.
 */
int listing_read(struct connection *connection, const struct listing_request *request,
                 listing_sink *sink, void *context);

/* Checks the pattern of --match, if there is one. Returns 0 or -REASON_USAGE. */
int listing_check_pattern(const struct options *options, struct failure *failure);

/* What messages about a listing name: its folder or file. */
const char *listing_subject(const struct listing_request *request);

#endif
