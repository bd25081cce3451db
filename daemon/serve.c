#include "daemon/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/peer.h"
#include "daemon/requests/requests.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"

/* The answer to a connection for which there is no room. */
#define SERVE_BUSY "FAIL busy too many sessions\n"

enum {
    LINGER_STOPPING_MS = 500,
    /* A session ends after so many requests that its client has no right to make... */
    REFUSALS_MOST = 100,
    REFUSALS_FEW = 10, /* ...when it has no right at all */
};

/* A session, and what only its loop has to know. */
struct serving {
    struct session session;
    bool has_rights;         /* the client has some right somewhere */
    int refusals;            /* requests that it has no right to make */
    int64_t linger_until_ms; /* how long to drop a refused client's bytes; 0: not yet set */
    uint64_t received, sent; /* bytes of the stream that the counters know of */
};

/*
 * The gate: may this client make this request? A request about a folder needs the right to anything
 * in the library, and then covers only what the client may see.
 */
static int check_rights(struct serving *serving, const struct request *request,
                        const struct arguments *arguments)
{
    struct session *session = &serving->session;
    const struct client *client = &session->client;
    const char *name = request->name == NAME_OR_FOLDER ? "" : arguments->name;
    unsigned rights = request->rights;

    if (arguments->options[OPTION_REPLACE].text != NULL)
        rights |= RIGHT_REPLACE;
    session->sees = request->sees;
    unsigned missing = rights & ~access_rights(client, name);
    if (missing == 0)
        return 0;

    char words[64] = "";
    for (size_t i = 0; right_words[i] != NULL; i++) {
        size_t used = strlen(words);
        if ((missing & 1U << i) != 0)
            (void)snprintf(words + used, sizeof words - used, "%s%s", used > 0 ? " and " : "",
                           right_words[i]);
    }
    if (log_admits_refusal(client->peer, client->class != ACCESS_STRANGER))
        log_event(LOG_LEVEL_WARNING, "denied", "address", session->address, "session", session->id,
                  "client", client->who, "request", request->word, "name", arguments->name,
                  "missing", words, NULL);
    /* The one client of --stdio takes nobody's place. */
    int most = serving->has_rights ? REFUSALS_MOST : REFUSALS_FEW;
    if (++serving->refusals >= most && session->wake >= 0)
        session->over = true;
    /* What others may do is nothing that this client should know. */
    return session_refuse(session, REASON_DENIED, "%s may not %s%s (needs the right%s %s%s)",
                          client->who, request->word,
                          (rights & RIGHT_REPLACE) != 0 ? " with replace=" : "",
                          strstr(words, " and ") != NULL ? "s" : "", words,
                          (missing & ~access_rights(client, "")) == 0 ? " for this name" : "");
}

/*
 * Reads one request and has it served. Returns 0 when it was answered, or a reason to answer. Also
 * then `*ret_request` is set to the request, if there was one, and `arguments` to what is known.
 */
static int serve_request(struct serving *serving, const struct request **ret_request,
                         struct arguments *arguments)
{
    struct session *session = &serving->session;
    const struct request *request = NULL;
    const char *bytes = NULL;
    size_t length = 0;

    /* A stopping daemon waits neither for a line nor for its rest. */
    if (descriptor_is_readable(session->wake))
        return session_refuse_stopping(session);
    session->stream.wake = session->wake;
    int code = stream_line(&session->stream, &bytes, &length);
    session->stream.wake = -1;
    if (code == -REASON_UNAVAILABLE)
        return session_refuse_stopping(session);
    if (code == 0 && line_parse(&session->line, bytes, length) < 0)
        return session_refuse(session, REASON_BAD_REQUEST, "the line breaks the grammar");

    if (code == 0)
        code = request_parse(session, ret_request, arguments);
    request = *ret_request;
    if (code == 0 && request->rights != 0)
        code = session_check_rights(session);
    if (code == 0)
        code = check_rights(serving, request, arguments);
    if (code == 0 && request->name != NAME_NONE)
        code = session_check_library(session);
    if (code != 0)
        return code;

    log_event(LOG_LEVEL_DEBUG, "request", "session", session->id, "request", request->word, "name",
              arguments->name, NULL);
    code = request->serve(session, arguments);
    if (code == -REASON_INTERNAL || code == -REASON_NO_SPACE ||
        (code == -REASON_UNAVAILABLE && session->why[0] == '\0'))
        session_log_failure(session, request->word, arguments->name);
    if (code == -REASON_UNAVAILABLE && session->why[0] == '\0')
        (void)session_refuse(session, REASON_UNAVAILABLE, "fsd cannot do it now; its log says why");
    return code;
}

/*
 * Reads on for a while before the end: bytes that nobody read would reset the connection, and the
 * answer would be lost. A stopping daemon does not take long for that.
 */
static void linger(struct serving *serving)
{
    struct stream *stream = &serving->session.stream;
    int wake = serving->session.wake;

    if (stream->failed || stream_finish(stream) < 0)
        return;
    if (serving->linger_until_ms == 0)
        serving->linger_until_ms = clock_ms() + serving->session.settings->linger_ms;
    stream->wake = wake;
    stream_drain(stream, serving->linger_until_ms);
    stream->wake = -1;
    int64_t soon = clock_ms() + LINGER_STOPPING_MS;
    if (descriptor_is_readable(wake))
        stream_drain(stream, soon < serving->linger_until_ms ? soon : serving->linger_until_ms);
}

/*
 * Adds to the counters what passed since the last time. What is still pending counts as sent: it
 * goes out before anything is waited for.
 */
static void count_bytes(struct serving *serving)
{
    const struct stream *stream = &serving->session.stream;
    struct counters *counters = serving->session.counters;
    uint64_t sent = stream->sent + stream_pending(stream);

    counter_add(&counters->received, stream->received - serving->received);
    if (sent > serving->sent) {
        counter_add(&counters->sent, sent - serving->sent);
        serving->sent = sent;
    }
    serving->received = stream->received;
}

static void log_answer(const struct session *session, const struct request *request,
                       const char *name, enum reason outcome)
{
    char bytes[LOG_NUMBER_ROOM];
    char ms[LOG_NUMBER_ROOM];

    log_event(LOG_LEVEL_DEBUG, "answered", "session", session->id, "client", session->client.who,
              "request", request != NULL ? request->word : "other", "name", name, "outcome",
              outcome == REASON_NONE ? "ok" : reason_word(outcome), "bytes",
              log_number(session->content_bytes, bytes), "ms",
              log_number(clock_ms() - session->begun_ms, ms), NULL);
}

static void serve_requests(struct serving *serving)
{
    struct session *session = &serving->session;
    struct stream *stream = &session->stream;
    const struct settings *settings = session->settings;
    int64_t idle_ms = settings->idle_ms;

    serving->has_rights = access_rights(&session->client, "") != 0;
    if (!serving->has_rights && settings->request_ms < idle_ms)
        idle_ms = settings->request_ms;
    while (!session->over) {
        const struct request *request = NULL;
        struct arguments arguments = {.is_folder = false};
        stream->wake = session->wake;
        int code = stream_await(stream, idle_ms);
        stream->wake = -1;
        if (code < 0) {
            /* The client sends no more, but may still wait for answers. */
            (void)stream_flush(stream);
            return;
        }
        stream_expect(stream);
        session->why[0] = '\0';
        session->body_expected = false;
        session->body = (struct body){.left = 0};
        session->outcome = REASON_NONE;
        session->begun_ms = clock_ms();
        session->content_bytes = 0;

        code = serve_request(serving, &request, &arguments);
        enum reason outcome = code < 0 ? reason_of(code) : session->outcome;
        bool is_lost = stream->failed || outcome == REASON_LOST;
        /* After a bad request or a time limit the session ends: what follows could be anything. */
        if (code < 0 && (is_lost || outcome == REASON_BAD_REQUEST || outcome == REASON_TIMEOUT))
            session->over = true;
        if (code < 0 && !is_lost)
            (void)stream_print(stream, "FAIL %s %s\n", reason_word(outcome),
                               session->why[0] != '\0' ? session->why : reason_text(outcome));

        /* Drops the body, or the rest of it, which a refused client may already have sent. */
        if (session->body_expected && !session->over) {
            serving->linger_until_ms = clock_ms() + session->settings->linger_ms;
            if (stream_flush(stream) < 0 ||
                body_drop(stream, &session->body, serving->linger_until_ms) < 0)
                session->over = true;
            else
                serving->linger_until_ms = 0;
        }
        counter_add(&session->counters->requests[request_place(request)][outcome], 1);
        log_answer(session, request, arguments.name, outcome);
        count_bytes(serving);
    }
    linger(serving);
}

/*
 * Drops what a local client has sent, and anything that it could still send. It may hold descriptors,
 * and to drop one may take long (SO_LINGER, socket(7)): longer than the parent may wait, which would
 * drop them if it closed its own descriptor of the connection last.
 */
static void drop_rest(int connection)
{
    char bytes[1024];
    int domain = AF_UNSPEC;
    socklen_t length = sizeof domain;

    if (getsockopt(connection, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 || domain != AF_UNIX)
        return;
    (void)shutdown(connection, SHUT_RDWR);
    while (recv(connection, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
}

/* Closes what no stream has taken over. */
static void close_wire(const struct wire *wire)
{
    if (wire->transport->close != NULL)
        wire->transport->close(&(struct stream){.state = wire->state});
    descriptor_close(wire->in != wire->out ? wire->in : -1);
    descriptor_close(wire->out);
}

/* Answers a client whose connection is encrypted, but is not served. */
static void turn_away(const struct wire *wire, const char *answer, int64_t until_ms, int wake)
{
    int64_t left = until_ms - clock_ms();
    const struct stream_limits limits = {.write_ms = left > 0 ? left : 1};
    struct stream stream;

    if (stream_open(&stream, wire->transport, wire->state, wire->in, wire->out, &limits) < 0) {
        close_wire(wire);
        return;
    }
    stream.wake = wake;
    if (stream_print(&stream, "%s", answer) == 0 && stream_finish(&stream) == 0)
        stream_drain(&stream, until_ms);
    stream_close(&stream);
}

/* Answers a connection that is not served, without waiting for it. */
static void refuse(int connection, const char *answer)
{
    (void)send(connection, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(connection, SHUT_WR);
}

static void note_busy(uint64_t peer, const char *address, bool is_known, const char *cause,
                      struct counters *counters)
{
    char text[PEER_ROOM];

    counter_add(&counters->refused, 1);
    if (log_admits_refusal(peer, is_known))
        log_event(LOG_LEVEL_WARNING, "connection refused", "address", address, "client",
                  peer_describe(peer, text), "cause", cause, NULL);
}

void serve_busy(int connection, enum address_kind kind, const struct peer *peer, bool is_known,
                const char *cause, struct counters *counters)
{
    note_busy(peer->number, peer_address(peer), is_known, cause, counters);
    if (kind != ADDRESS_TLS)
        refuse(connection, SERVE_BUSY);
}

void serve_client(const struct wire *wire, const struct client *client, uint64_t number,
                  struct slot *slot, const struct service *service, int wake, int gone)
{
    const struct stream_limits limits = {
        .line_ms = service->settings->request_ms,
        .stall_ms = service->settings->stall_ms,
        .write_ms = service->settings->wait_ms,
        .wait_ms = service->settings->wait_ms,
    };
    struct serving *serving = calloc(1, sizeof *serving);

    if (serving == NULL || stream_open(&serving->session.stream, wire->transport, wire->state,
                                       wire->in, wire->out, &limits) < 0) {
        if (log_admits(LOG_FAILURES))
            log_event(LOG_LEVEL_ERROR, "cannot start a session", "cause", strerror(errno), NULL);
        free(serving);
        const struct peer peer = peer_find(wire->out);
        serve_busy(wire->out, wire->state == NULL ? ADDRESS_PLAIN : ADDRESS_TLS, &peer,
                   client->class != ACCESS_STRANGER, "out of memory", service->counters);
        close_wire(wire);
        return;
    }
    struct session *session = &serving->session;
    session->client = *client;
    session->address = client->address[0] != '\0' ? session->client.address : NULL;
    session->settings = service->settings;
    session->library = service->library;
    session->counters = service->counters;
    session->slots = service->slots;
    session->rights_now = service->rights_now;
    session->rights_version = service->rights_version;
    session->slot = slot;
    session->wake = wake;
    session->gone = gone;
    slots_begin(session->slots, slot, client->name);
    counter_add(&session->counters->served, 1);
    (void)log_number((int64_t)number, session->id);
    log_event(LOG_LEVEL_DEBUG, "session begins", "address", session->address, "session",
              session->id, "client", client->who, NULL);
    serve_requests(serving);
    count_bytes(serving);
    log_event(LOG_LEVEL_DEBUG, "session ends", "session", session->id, NULL);
    if (wake >= 0)
        drop_rest(wire->in);
    stream_close(&session->stream);
    free(serving);
}

/* The handshake of TLS, before anything is made for the client. Returns false if it failed. */
static bool shake_hands(const struct arrival *arrival, const struct service *service, int wake,
                        struct wire *wire, struct tls_peer *ret_peer)
{
    struct tls_connection *state = NULL;
    char fault[TLS_FAULT_ROOM];
    char text[PEER_ROOM];

    int code = service->tls->accept(arrival->connection, service->identity, arrival->signer, wake,
                                    arrival->until_ms, &state, ret_peer, fault);
    descriptor_close(arrival->signer);
    wire->transport = service->tls->transport;
    wire->state = state;
    if (code == 0)
        return true;
    /* That it had to make room was logged; that the daemon stops is not its fault. */
    if (code == -REASON_UNAVAILABLE || atomic_load(&arrival->slot->state) == SLOT_EVICTED)
        return false;
    uint64_t peer = arrival->peer.number;
    counter_add(&service->counters->handshakes_failed, 1);
    if (log_admits_refusal(peer, false))
        log_event(LOG_LEVEL_WARNING, "handshake failed", "address", peer_address(&arrival->peer),
                  "client", peer_describe(peer, text), "cause", fault, NULL);
    return false;
}

/* Admits the session, or returns the limit that does not allow it. */
static const char *admit(const struct arrival *arrival, const struct service *service,
                         const struct client *client)
{
    struct slot *slot = arrival->slot;
    bool is_stranger = client->class == ACCESS_STRANGER;

    if (arrival->kind == ADDRESS_TLS && !is_stranger)
        return slots_admit_client(service->slots, slot, service->settings, client);
    if (arrival->kind == ADDRESS_TLS)
        return slots_admit(service->slots, slot, service->settings, &arrival->peer, client->class);
    /* The parent has admitted it, perhaps as known: a user without a name, in a group that is. */
    return is_stranger && atomic_exchange(&slot->class, ACCESS_STRANGER) != ACCESS_STRANGER &&
                   slots_count_strangers(service->slots) > service->settings->strangers
               ? "limits.strangers"
               : NULL;
}

void serve_connection(const struct arrival *arrival, const struct service *service, int wake,
                      int gone)
{
    int connection = arrival->connection;
    bool is_encrypted = arrival->kind == ADDRESS_TLS;
    struct wire wire = {.transport = &stream_plain, .in = connection, .out = connection};
    struct tls_peer peer;
    struct client client;
    const char *answer = NULL;

    if (is_encrypted && !shake_hands(arrival, service, wake, &wire, &peer)) {
        (void)close(connection);
        return;
    }
    /* It must not be taken for one with fewer rights: let it come again. */
    int code = is_encrypted
                   ? access_identify_key(&peer, &arrival->peer, service->settings, &client)
                   : access_identify(connection, arrival->kind, service->settings, &client);
    if (code < 0) {
        char text[PEER_ROOM];
        int error = errno;
        if (log_admits(LOG_FAILURES))
            log_event(LOG_LEVEL_ERROR, "cannot find out who a client is", "address",
                      peer_address(&arrival->peer), "client", peer_describe(client.peer, text),
                      "cause", strerror(error), NULL);
        counter_add(&service->counters->refused, 1);
        answer = "FAIL unavailable " SERVE_UNIDENTIFIED "\n";
    } else {
        const char *limit = admit(arrival, service, &client);
        if (limit != NULL) {
            note_busy(client.peer, peer_address(&arrival->peer), client.class != ACCESS_STRANGER,
                      limit, service->counters);
            answer = SERVE_BUSY;
        }
    }
    if (answer != NULL && is_encrypted) {
        turn_away(&wire, answer, arrival->until_ms, wake);
    } else if (answer != NULL) {
        refuse(connection, answer);
        drop_rest(connection);
        (void)close(connection);
    } else {
        serve_client(&wire, &client, arrival->session, arrival->slot, service, wake, gone);
    }
    access_release(&client);
}
