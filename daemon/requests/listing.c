#include "daemon/requests/listing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "protocol/clock.h"
#include "protocol/name.h"
#include "protocol/value.h"

enum {
    DETAILS_ROOM = 512,                                /* bytes of a line's options */
    LIST_LINE_ROOM = NAME_ESCAPED_ROOM + DETAILS_ROOM, /* bytes of a line of a listing */
    SHOW_MS = 1000, /* lines are sent after this at the latest while others are looked for */
};

void listing_open(struct listing *listing, struct session *session)
{
    int64_t now = clock_ms();

    *listing = (struct listing){.session = session, .shown_ms = now, .alive_ms = now};
}

int listing_begin(struct listing *listing)
{
    int code = listing->begun ? 0 : stream_print(&listing->session->stream, "OK\n");

    listing->begun = listing->begun || code == 0;
    return code;
}

int listing_send(struct listing *listing)
{
    if (listing->item == NULL)
        return 0;
    body_added(&listing->session->stream, listing->room, listing->used);
    listing->session->content_bytes += (int64_t)listing->used;
    listing->item = NULL;
    listing->shown_ms = clock_ms();
    listing->since += listing->used;
    if (listing->since >= STREAM_PACE_BYTES) {
        listing->since = 0;
        listing->alive_ms = listing->shown_ms;
    }
    return stream_flush(&listing->session->stream);
}

bool listing_may_see(void *context, const char *name)
{
    const struct listing *listing = context;

    return session_may_see(listing->session, name);
}

int listing_add(void *context, const struct list_entry *entry)
{
    struct listing *listing = context;
    char line[LIST_LINE_ROOM];
    char mtime[VALUE_TIME_ROOM];
    int code = 0;
    size_t length = line_escape(entry->name, entry->length, line);

    if (entry->status != NULL)
        length += (size_t)snprintf(line + length, sizeof line - length, " size=%lld mtime=%s",
                                   (long long)entry->status->st_size,
                                   value_print_time(entry->status->st_mtim, mtime));
    if (entry->status != NULL && entry->record->digest[0] != '\0')
        length += (size_t)snprintf(line + length, sizeof line - length, " digest=%s by=%s",
                                   entry->record->digest, entry->record->by);
    line[length++] = '\n';
    if (listing->item != NULL && listing->room - listing->used < length)
        code = listing_send(listing);
    if (code == 0 && listing->item == NULL) {
        listing->used = 0;
        code = listing_begin(listing);
        if (code == 0)
            code = body_room(&listing->session->stream, ITEM_PREFERRED, &listing->item,
                             &listing->room);
    }
    if (code != 0)
        return code;
    memcpy(listing->item + listing->used, line, length);
    listing->used += length;
    return 0;
}

int listing_pause(void *context)
{
    struct listing *listing = context;
    struct session *session = listing->session;
    int64_t now = clock_ms();
    bool needs_sign = now - listing->alive_ms >= session->settings->heartbeat_ms;
    int code = session_check_rights(session);

    if (code == 0 && (needs_sign || now - listing->shown_ms >= SHOW_MS))
        code = listing_send(listing);
    if (code < 0 || !needs_sign || listing->alive_ms >= now)
        return code;
    listing->alive_ms = now;
    listing->since = 0;
    return body_send_wait(&session->stream);
}

int listing_skip(void *context, const char *name)
{
    struct listing *listing = context;

    if (listing->skipped++ > 0)
        return 0;
    listing->error = errno;
    (void)snprintf(listing->first, sizeof listing->first, "%s", name);
    session_log_unreadable(listing->session, name);
    return 0;
}

int listing_end(struct listing *listing, int code, const char *why)
{
    struct session *session = listing->session;
    enum reason reason = reason_of(code);
    int sent = session->stream.failed ? -REASON_LOST : listing_send(listing);

    if (sent < 0)
        return sent;
    if (code == 0)
        return stream_print(&session->stream, "END\n");
    session->outcome = reason;
    return stream_print(&session->stream, "ABORT %s %s\n", reason_word(reason),
                        why[0] != '\0' ? why : reason_text(reason));
}
