#include "cli/secure.h"

#include <stdio.h>
#include <string.h>

#include "cli/console.h"
#include "protocol/clock.h"

/* A handshake under way. */
struct handshake {
    struct secure *secure;
    const struct tls *tls;
    const struct settings *settings;
    struct failure *failure;
};

static bool is_trusted(void *context, const struct fingerprint *key)
{
    const struct handshake *handshake = context;

    return trusted_check(&handshake->secure->trusted, key) == TRUST_PINNED;
}

/* Reads the user's pins and key, once, while the server is busy. */
static int prepare(void *context, const struct tls_identity **ret)
{
    const struct handshake *handshake = context;
    const struct settings *settings = handshake->settings;
    struct secure *secure = handshake->secure;
    int code = 0;

    if (secure->tls == NULL) {
        code = trusted_find(settings->row, &settings->server, &secure->trusted, handshake->failure);
        if (code == 0)
            code = identity_find(handshake->tls, settings, false, &secure->identity,
                                 handshake->failure);
        if (code < 0)
            trusted_forget(&secure->trusted);
        else
            secure->tls = handshake->tls;
    }
    *ret = secure->identity.key;
    return code;
}

/* Says which keys the two sides have. */
static void note_keys(const struct secure *secure, const struct fingerprint *server)
{
    char place[TRUSTED_PLACE_ROOM];
    char theirs[FINGERPRINT_ROOM];
    char own[FINGERPRINT_ROOM] = "";

    if (!console_is_verbose())
        return;
    if (secure->identity.key != NULL) {
        const struct fingerprint key = secure->tls->identity_fingerprint(secure->identity.key);
        (void)fingerprint_print(&key, own);
    }
    console_note("TLS: the server has the key %s, as %s in %s; %s%s",
                 fingerprint_print(server, theirs), secure->trusted.keys == NULL ? "pinned" : "set",
                 trusted_place(&secure->trusted, server, place),
                 own[0] != '\0' ? "yours is " : "you have none: ",
                 own[0] != '\0' ? own : secure->identity.missing);
}

int secure(struct secure *secure, const struct settings *settings, int fd, int64_t limit_ms,
           const struct transport **ret_transport, void **ret_state, struct failure *failure)
{
    int64_t until_ms = clock_ms() + limit_ms;
    struct tls_connection *connection = NULL;
    struct fingerprint key;
    char fault[TLS_FAULT_ROOM];
    const struct tls *tls = tls_load(fault);

    if (tls == NULL)
        return fail(failure, REASON_INTERNAL, settings->server.text, "cannot use TLS: %s", fault);
    struct handshake handshake = {
        .secure = secure, .tls = tls, .settings = settings, .failure = failure};
    fault[0] = '\0';
    int code =
        tls->connect(fd, prepare, is_trusted, &handshake, until_ms, &connection, &key, fault);
    if (code == -REASON_IDENTITY)
        return trusted_refuse(&secure->trusted, &key, failure);
    /* What prepare() could not do is said already. */
    if (code < 0)
        return fault[0] == '\0'
                   ? code
                   : fail(failure, reason_of(code), settings->server.text, "%s", fault);
    note_keys(secure, &key);
    *ret_transport = tls->transport;
    *ret_state = connection;
    return 0;
}

void secure_release(struct secure *secure)
{
    if (secure->tls == NULL)
        return;
    secure->tls->identity_close(secure->identity.key);
    trusted_forget(&secure->trusted);
    secure->tls = NULL;
}

const char *secure_hint(const struct secure *secure, const char *text, char hint[SECURE_HINT_ROOM])
{
    char own[FINGERPRINT_ROOM] = "";

    hint[0] = '\0';
    if (secure->tls == NULL)
        return hint;
    if (secure->identity.key == NULL) {
        (void)snprintf(hint, SECURE_HINT_ROOM, "; you have no identity: %s (use --identity FILE)",
                       secure->identity.missing);
        return hint;
    }
    const struct fingerprint key = secure->tls->identity_fingerprint(secure->identity.key);
    /* It names the keys that it does not know. */
    if (strstr(text, fingerprint_print(&key, own)) != NULL)
        (void)snprintf(hint, SECURE_HINT_ROOM,
                       "; fsc identity%s%s shows the line that lets this key in",
                       secure->identity.is_named ? " --identity " : "",
                       secure->identity.is_named ? secure->identity.file : "");
    return hint;
}
