#include "cli/secure.h"

#include <limits.h>
#include <unistd.h>

#include "cli/user_folder.h"
#include "protocol/clock.h"

/* Only servers that are known by their keys are trusted. */
static bool is_trusted(void *context, const struct fingerprint *key)
{
    (void)context;
    (void)key;
    return false;
}

/* Opens this user's identity, which is made on first need. Without a home there is none. */
static int open_identity(const struct tls *tls, struct tls_identity **ret, struct failure *failure)
{
    const struct tls_owner owner = {.uid = geteuid(), .gid = getegid()};
    char path[PATH_MAX];
    char fault[TLS_FAULT_ROOM];

    *ret = NULL;
    if (!user_folder_find(path, "XDG_CONFIG_HOME", ".config", "fsc/identity.pem") ||
        tls->identity_open(path, &owner, ret, fault) == 0)
        return 0;
    return fail(failure, REASON_LOCAL, path, "%s", fault);
}

int secure(const struct settings *settings, int fd, int64_t limit_ms,
           const struct transport **ret_transport, void **ret_state, struct failure *failure)
{
    const char *server = settings->server.text;
    /* They stay for later connections. */
    static struct tls_identity *identity;
    struct tls_connection *connection = NULL;
    struct fingerprint key;
    char text[FINGERPRINT_ROOM];
    char fault[TLS_FAULT_ROOM];
    const struct tls *tls = tls_load(fault);

    if (tls == NULL)
        return fail(failure, REASON_INTERNAL, server, "cannot use TLS: %s", fault);
    int code = identity == NULL ? open_identity(tls, &identity, failure) : 0;
    if (code < 0)
        return code;
    code = tls->connect(fd, identity, is_trusted, NULL, clock_ms() + limit_ms, &connection, &key,
                        fault);
    if (code == -REASON_IDENTITY)
        return fail(failure, REASON_IDENTITY, server,
                    "unknown server with the key %s (use fsc trust %s %s if that is its key)",
                    fingerprint_print(&key, text), server, text);
    if (code < 0)
        return fail(failure, reason_of(code), server, "%s", fault);
    *ret_transport = tls->transport;
    *ret_state = connection;
    return 0;
}
