#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/requests/requests.h"
#include "daemon/store/list.h"
#include "protocol/clock.h"
#include "protocol/name.h"
#include "protocol/value.h"

enum {
    DETAILS_ROOM = 512,                                /* bytes of a line's options */
    LIST_LINE_ROOM = NAME_ESCAPED_ROOM + DETAILS_ROOM, /* bytes of a line of a listing */
    SHOW_MS = 1000, /* lines are not kept longer than this while others are looked for */
};

/* A listing on its way out: lines gather in an item until it is full. */
struct listing {
    struct session *session;
    bool begun;  /* OK has been said */
    char *item;  /* the item under way; NULL for none */
    size_t room; /* bytes it may hold */
    size_t used;
    int64_t shown_ms; /* when lines were last sent */
    int64_t alive_ms; /* when the client last got a sign of life: WAIT, or enough bytes */
    size_t since;     /* bytes of lines sent since then */
};

static int send_item(struct listing *listing)
{
    if (listing->item == NULL)
        return 0;
    body_added(&listing->session->stream, listing->room, listing->used);
    listing->item = NULL;
    listing->shown_ms = clock_ms();
    listing->since += listing->used;
    if (listing->since >= STREAM_PACE_BYTES) {
        listing->since = 0;
        listing->alive_ms = listing->shown_ms;
    }
    return stream_flush(&listing->session->stream);
}

static int begin_item(struct listing *listing)
{
    struct stream *stream = &listing->session->stream;

    if (!listing->begun && stream_print(stream, "OK\n") < 0)
        return -REASON_LOST;
    listing->begun = true;
    listing->used = 0;
    return body_room(stream, ITEM_PREFERRED, &listing->item, &listing->room);
}

static size_t print_details(char *line, const struct list_entry *entry)
{
    char mtime[VALUE_TIME_ROOM];
    int length =
        snprintf(line, DETAILS_ROOM, " size=%lld mtime=%s", (long long)entry->status->st_size,
                 value_print_time(entry->status->st_mtim, mtime));

    if (entry->record->digest[0] != '\0')
        length += snprintf(line + length, DETAILS_ROOM - (size_t)length, " digest=%s by=%s",
                           entry->record->digest, entry->record->by);
    return (size_t)length;
}

static int add_entry(void *context, const struct list_entry *entry)
{
    struct listing *listing = context;
    char line[LIST_LINE_ROOM];
    int code = 0;
    size_t length = line_escape(entry->name, entry->length, line);

    if (entry->status != NULL)
        length += print_details(line + length, entry);
    line[length++] = '\n';
    if (listing->item != NULL && listing->room - listing->used < length)
        code = send_item(listing);
    if (code == 0 && listing->item == NULL)
        code = begin_item(listing);
    if (code < 0 || listing->item == NULL)
        return code;
    memcpy(listing->item + listing->used, line, length);
    listing->used += length;
    return 0;
}

static bool is_visible(void *context, const char *name)
{
    const struct listing *listing = context;

    return session_may_see(listing->session, name);
}

/* Sends what was found so far, and a WAIT when that was too little to tell that we are alive. */
static int end_batch(void *context)
{
    struct listing *listing = context;
    struct session *session = listing->session;
    int64_t now = clock_ms();
    bool must_tell = now - listing->alive_ms >= session->settings->heartbeat_ms;

    if ((must_tell || now - listing->shown_ms >= SHOW_MS) && send_item(listing) < 0)
        return -REASON_LOST;
    if (!must_tell || listing->alive_ms >= now)
        return 0;
    listing->alive_ms = now;
    listing->since = 0;
    return body_send_wait(&session->stream);
}

/* The end of a listing that has begun; what went wrong can no longer be FAIL. */
static int end_listing(struct listing *listing, const char *name, int code)
{
    struct stream *stream = &listing->session->stream;
    int error = errno;

    if (stream->failed || send_item(listing) < 0)
        return -REASON_LOST;
    if (code == 0)
        return stream_print(stream, "END\n");
    listing->session->outcome = reason_of(code);
    errno = error;
    session_log_failure(listing->session, "LIST", name);
    return stream_print(stream, "ABORT %s %s\n", reason_word(reason_of(code)),
                        reason_text(reason_of(code)));
}

int list_serve(struct session *session, const struct arguments *arguments)
{
    const struct option_value *match = &arguments->options[OPTION_MATCH];
    struct listing listing = {.session = session, .shown_ms = clock_ms(), .alive_ms = clock_ms()};
    const struct list_query query = {
        .folder = arguments->name[0] != '\0' ? arguments->name : NULL,
        .must_be_folder = arguments->is_folder,
        .match = match->text,
        .match_length = match->length,
        .deep = arguments->options[OPTION_DEEP].text != NULL,
        .details = arguments->options[OPTION_DETAILS].text != NULL,
        .is_visible = is_visible,
        .entry = add_entry,
        .batch_end = end_batch,
        .context = &listing,
    };
    int code = list_run(session->library, &query);

    if (listing.begun)
        return end_listing(&listing, arguments->name, code);
    if (code < 0)
        return code;
    session->outcome = REASON_EMPTY;
    return stream_print(&session->stream, "EMPTY\n");
}
