/*
 * Listings that are sent: the lines of LIST and WATCH, gathered in an item until it is full.
 */
#ifndef REQUESTS_LISTING_H
#define REQUESTS_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/session.h"
#include "daemon/store/list.h"
#include "protocol/name.h"

struct listing {
    struct session *session;
    bool begun;  /* OK was answered */
    char *item;  /* the item under way; NULL for none */
    size_t room; /* bytes it may hold */
    size_t used;
    int64_t shown_ms; /* when lines were last sent */
    int64_t alive_ms; /* when the client last got a sign of life: WAIT, or enough lines */
    size_t since;     /* bytes of lines sent since then */
    size_t skipped;   /* how many folders, or files, could not be read */
    int error;        /* errno of the first one */
    char first[NAME_LONGEST + 2]; /* its name */
};

void listing_open(struct listing *listing, struct session *session);

/* Answers OK, unless that was done; listing_add() calls it. Returns as stream_print(). */
int listing_begin(struct listing *listing);

/* Sends the lines that there are. Returns 0, or what stream_flush() returns. */
int listing_send(struct listing *listing);

/*
 * For struct list_query, with the listing as context: `is_visible`, `entry` and `batch_end`. To be
 * called often while entries are looked for, listing_pause() sends the lines that are there, and
 * WAIT when the client would hear nothing else for too long.
 */
bool listing_may_see(void *context, const char *name);
int listing_add(void *context, const struct list_entry *entry);
int listing_pause(void *context);

/* For `unreadable` of the same. Of a listing, only the first one is named, and logged. */
int listing_skip(void *context, const char *name);

/*
 * Ends the body: by END for a `code` of 0, else by ABORT with its reason and `why`, or the reason's
 * own text when that is empty. Returns 0 or a reason.
 */
int listing_end(struct listing *listing, int code, const char *why);

#endif
