#include "daemon/store/watch.h"
#include "daemon/requests/listing.h"
#include "daemon/requests/requests.h"
#include "protocol/clock.h"

/* In the midst of many files: what was found goes out, and there may be reason to end. */
static int pause_looking(void *context)
{
    struct listing *listing = context;
    int code = listing_pause(listing);

    return code == 0 ? session_check_wait(listing->session) : code;
}

/* Waits until there may be something to tell, and no longer than a sign of life is due. */
static int await_files(const struct listing *listing, const struct watch *watch)
{
    struct session *session = listing->session;
    int64_t limit = listing->alive_ms + session->settings->heartbeat_ms - clock_ms();
    int64_t wait = watch_wait_ms(watch);

    /* It may be due already. */
    limit = wait < limit ? wait : limit;
    return session_wait(session, watch->notices.fd, limit > 0 ? limit : 1);
}

/* Tells of files as they come, until something ends it. */
static int tell_all(struct listing *listing, struct watch *watch)
{
    int code = listing_begin(listing);

    while (code == 0) {
        code = listing_send(listing);
        if (code == 0)
            code = await_files(listing, watch);
        if (code == 0)
            code = watch_look(watch);
        if (code == 0)
            code = listing_pause(listing);
    }
    return code;
}

/* The end of one that has begun, for whatever reason; a client that leaves has had enough. */
static int end(struct listing *listing, const char *name, int code)
{
    struct session *session = listing->session;
    struct stream *stream = &session->stream;
    int64_t write_ms = stream->limits.write_ms;

    if (code == -REASON_LOST || stream->failed) {
        session->over = true;
        return 0;
    }
    if (code == -REASON_INTERNAL)
        session_log_failure(session, "WATCH", name);
    /* One that takes nothing does not keep the daemon for long. */
    stream->limits.write_ms = session->settings->linger_ms;
    code = listing_end(listing, code, session->why);
    if (code == 0)
        code = stream_flush(stream);
    stream->limits.write_ms = write_ms;
    return code;
}

int watch_serve(struct session *session, const struct arguments *arguments)
{
    struct listing listing;
    struct watch watch;
    const struct watch_query query = {
        .folder = arguments->name[0] != '\0' ? arguments->name : NULL,
        .existing = arguments->options[OPTION_EXISTING].text != NULL,
        .is_visible = listing_may_see,
        .entry = listing_add,
        .batch_end = pause_looking,
        .context = &listing,
    };

    listing_open(&listing, session);
    session->stream.wake = session->gone;
    /* OK says that nothing will be missed from then on. */
    int code = watch_open(&watch, session->library, &query);
    if (code == 0)
        code = tell_all(&listing, &watch);
    watch_close(&watch);
    session->stream.wake = -1;
    if (code == -REASON_UNAVAILABLE && session->why[0] == '\0')
        (void)session_check_wait(session);
    return listing.begun || code == -REASON_LOST ? end(&listing, arguments->name, code) : code;
}
