#include <stdio.h>
#include <string.h>

#include "daemon/requests/listing.h"
#include "daemon/requests/requests.h"

int list_serve(struct session *session, const struct arguments *arguments)
{
    const struct option_value *match = &arguments->options[OPTION_MATCH];
    struct listing listing;
    const struct list_query query = {
        .folder = arguments->name[0] != '\0' ? arguments->name : NULL,
        .must_be_folder = arguments->is_folder,
        .match = match->text,
        .match_length = match->length,
        .deep = arguments->options[OPTION_DEEP].text != NULL,
        .details = arguments->options[OPTION_DETAILS].text != NULL,
        .is_visible = listing_may_see,
        .entry = listing_add,
        .batch_end = listing_pause,
        .unreadable = listing_skip,
        .context = &listing,
    };

    listing_open(&listing, session);
    int code = list_run(session->library, &query);
    if (code == 0 && listing.skipped > 0) {
        char more[40] = "";
        if (listing.skipped > 1)
            (void)snprintf(more, sizeof more, " (and %zu more)", listing.skipped - 1);
        code = session_refuse(session, REASON_INCOMPLETE, "the server cannot read %s%s: %s",
                              listing.first, more, strerror(listing.error));
    }
    /* What goes wrong when a listing has begun can no longer be FAIL. */
    if (listing.begun && code < 0 && code != -REASON_INCOMPLETE && !session->stream.failed)
        session_log_failure(session, "LIST", arguments->name);
    if (listing.begun)
        return listing_end(&listing, code, session->why);
    if (code < 0)
        return code;
    session->outcome = REASON_EMPTY;
    return stream_print(&session->stream, "EMPTY\n");
}
