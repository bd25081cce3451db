/*
 * Waiting for files: WATCH, and GET with wait=.
 */
#include "daemon/store/watch.h"

#include <string.h>

#include "daemon/requests/listing.h"
#include "daemon/requests/requests.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"

/* Counts a wait among those of its client. Returns 0 or, after session_refuse(), -REASON_BUSY. */
static int begin_wait(struct session *session)
{
    int64_t most = session->settings->waits;

    return slots_begin_wait(session->slots, session->slot, most)
               ? 0
               : session_refuse(
                     session, REASON_BUSY,
                     "%s already has %lld waits for files under way (limits.waits of fsd)",
                     session->client.who, (long long)most);
}

/* Waits until `watch` may have found something, but no longer than until `until_ms`. */
static int await_news(struct session *session, struct watch *watch, int64_t until_ms)
{
    int64_t limit_ms = until_ms - clock_ms();
    bool scans = watch_wait_ms(watch) < INT64_MAX;

    session->slot->scans = scans;
    watch->scanning = scans ? slots_count_scanning(session->slots) : 0;
    int64_t wait_ms = watch_wait_ms(watch);
    if (wait_ms < limit_ms)
        limit_ms = wait_ms;
    return session_wait(session, watch->notices.fd, limit_ms > 0 ? limit_ms : 1);
}

/* For a long scan: sends what was found so far, and ends it when there is a reason to. */
static int end_batch(void *context)
{
    struct listing *listing = context;
    int code = listing_pause(listing);

    return code == 0 ? session_check_wait(listing->session) : code;
}

static int log_unreadable(void *context, const char *name)
{
    const struct listing *listing = context;

    session_log_unreadable(listing->session, name);
    return 0;
}

int watch_serve(struct session *session, const struct arguments *arguments)
{
    struct stream *stream = &session->stream;
    int64_t write_ms = stream->limits.write_ms;
    struct listing listing;
    struct watch watch;
    const struct watch_query query = {
        .folder = arguments->name[0] != '\0' ? arguments->name : NULL,
        .existing = arguments->options[OPTION_EXISTING].text != NULL,
        .is_visible = listing_may_see,
        .entry = listing_add,
        .batch_end = end_batch,
        .unreadable = log_unreadable,
        .context = &listing,
    };

    int code = begin_wait(session);
    if (code < 0)
        return code;
    listing_open(&listing, session);
    stream->wake = session->gone;
    code = watch_open(&watch, session->library, &query);
    /* OK says that nothing is missed from now on. */
    if (code == 0)
        code = listing_begin(&listing);
    while (code == 0) {
        code = listing_send(&listing);
        if (code == 0)
            code = await_news(session, &watch, listing.alive_ms + session->settings->heartbeat_ms);
        if (code == 0)
            code = watch_look(&watch);
        if (code == 0)
            code = listing_pause(&listing);
    }
    watch_close(&watch);
    session->slot->waits = false;
    stream->wake = -1;
    if (code == -REASON_UNAVAILABLE && session->why[0] == '\0')
        (void)session_check_wait(session);
    /* A client that is gone has ended its WATCH as it should. */
    if (code == -REASON_LOST || (listing.begun && stream->failed)) {
        session->over = true;
        return 0;
    }
    if (!listing.begun)
        return code;

    if (code == -REASON_INTERNAL)
        session_log_failure(session, "WATCH", arguments->name);
    /* A client that reads nothing does not keep the daemon for long. */
    stream->limits.write_ms = session->settings->linger_ms;
    code = listing_end(&listing, code, session->why);
    if (code == 0)
        code = stream_flush(stream);
    stream->limits.write_ms = write_ms;
    return code;
}

/* A file that a GET waits for. */
struct arrival {
    const char *name;
    bool has_come; /* with its whole content, as far as the store can know */
};

/* Shows the scan only the file's name, the folders on the way to it, or a folder of that name. */
static bool is_on_way(void *context, const char *name)
{
    const struct arrival *arrival = context;
    size_t length = strlen(name);

    if (name[length - 1] != '/')
        return strcmp(name, arrival->name) == 0;
    return strncmp(name, arrival->name, length - 1) == 0 &&
           (arrival->name[length - 1] == '/' || arrival->name[length - 1] == '\0');
}

static int arrive(void *context, const struct list_entry *entry)
{
    struct arrival *arrival = context;

    (void)entry;
    arrival->has_come = true;
    return 0;
}

int request_await_file(struct session *session, const char *name, int64_t seconds,
                       struct stored *ret)
{
    struct watch watch;
    struct arrival arrival = {.name = name};
    const struct watch_query query = {
        .folder = name,
        .is_file = true,
        .existing = true,
        .is_visible = is_on_way,
        .entry = arrive,
        .context = &arrival,
    };
    int64_t alive_ms = clock_ms();
    int64_t wait_ms = session->settings->wait_ms;
    int64_t until_ms = alive_ms + (seconds <= wait_ms / 1000 ? seconds * 1000 : wait_ms);

    int code = begin_wait(session);
    if (code < 0)
        return code;
    code = watch_open(&watch, session->library, &query);
    while (code == 0) {
        code = lookup_open(session->library, name, ret);
        if ((code == 0 || code == -REASON_DENIED) && !arrival.has_come) {
            descriptor_close(ret->fd);
            code = -REASON_NOT_FOUND;
        }
        if (code != -REASON_NOT_FOUND || clock_ms() >= until_ms)
            break;
        int64_t sign_ms = alive_ms + session->settings->heartbeat_ms;
        code = await_news(session, &watch, sign_ms < until_ms ? sign_ms : until_ms);
        if (code == 0 && clock_ms() >= sign_ms) {
            alive_ms = clock_ms();
            code = body_print_wait(&session->stream);
        }
        if (code == 0)
            code = watch_look(&watch);
    }
    watch_close(&watch);
    session->slot->waits = false;
    return code;
}
