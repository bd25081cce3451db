/*
 * Listings: what a server reports about the files in its library. Each line is checked to be what
 * was asked for.
 */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "cli/connection.h"

struct listing_request {
    const char *name;    /* of a folder, with or without a final "/", or of a file; NULL: all */
    const char *match;   /* a pattern; NULL for none */
    const char *command; /* what messages are about where there is no name */
    bool deep;           /* all files below it, and no folders */
    bool details;        /* size and time are needed */
    bool watch;          /* files as they are stored, without an end; needs `deep` */
    bool existing;       /* with `watch`: first those that are there */
};

/* A file or folder of a listing. Its texts are valid during the call that gets it. */
struct entry {
    const char *name; /* that of a folder ends in "/" */
    int64_t size;     /* -1: not known, as for a folder */
    bool has_mtime;
    struct timespec mtime;
    const char *digest; /* NULL: not known */
    const char *by;     /* the client that stored it; NULL: not known */
};

/* Takes an entry. Returns 0, or a reason: then nothing more is read. */
typedef int listing_sink(void *context, const struct entry *entry, struct failure *failure);

/*
 * Asks for a listing and gives its entries to the sink in the order in which they come. Returns 0
 * when it is complete, -REASON_EMPTY when there is nothing to see, -REASON_INCOMPLETE when the
 * server could not look everywhere, or another reason. A watch never returns 0.
 */
int listing_read(struct connection *connection, const struct listing_request *request,
                 listing_sink *sink, void *context);

/*
 * After -REASON_EMPTY for a pattern in a folder: is the folder there at all? Returns 0,
 * -REASON_NOT_FOUND if there is nothing in it that this client may see, or another reason.
 */
int listing_find_folder(struct connection *connection, const char *folder);

/* Checks the pattern of --match, if there is one. Returns 0 or -REASON_USAGE. */
int listing_check_pattern(const struct options *options, struct failure *failure);

/* Does an operand begin with the place of a server, as "backup1:" of scp(1) and "s3://" do? */
bool listing_is_remote(const char *operand);

/*
 * What to do about a name that is not there, in brackets after a space, or "": for a pattern what the
 * caller says, and for a name that begins with the place of a server how to say that.
 */
const char *listing_hint(const char *name, const char *for_pattern);

/* What messages about a listing name: its folder or file, or the command. */
const char *listing_subject(const struct listing_request *request);

#endif
