#include "tls/connection.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "protocol/clock.h"
#include "protocol/reason.h"
#include "tls/identity.h"

enum {
    RAW_ROOM = 64 * 1024,    /* bytes from the peer that are read at a time */
    SEALED_MOST = 64 * 1024, /* bytes that are encrypted at a time, to be sent together... */
    OUT_ROOM = SEALED_MOST + 4 * 1024, /* ...as records, with a message of the handshake */
    HANDSHAKE_MOST = 16 * 1024, /* bytes of one message of a handshake, as one with certificates */
    NO_DATA_MOST = 16,          /* records without data that are read at a time */
    SIGNATURE_MOST = 1024,
    FIRST_BYTES = 8, /* that say what a peer speaks which does not speak TLS */
};

struct tls_connection {
    gnutls_session_t session;
    int fd;
    const struct tls_identity *identity;
    bool is_starved; /* the socket had nothing more to read */
    bool collects;   /* what GnuTLS sends goes into `out` */
    bool has_ended;  /* the peer has said that it sends no more */
    size_t sealed; /* bytes that are in `out`, encrypted, for this call of transmit() or the next */
    uint64_t came; /* bytes, during the handshake */
    char first[FIRST_BYTES];
    const char *wrong;                   /* what is wrong with the key of the other side */
    struct fingerprint peer_key;         /* that key... */
    struct fingerprint peer_certificate; /* ...and the certificate that it was found in */

    /* Of a client. */
    tls_prepare *prepare; /* NULL: there is nothing to prepare, or it is done */
    int prepared;         /* what it returned */
    tls_trust *is_trusted;
    void *context;
    bool is_refused;            /* the key of the server is not trusted */
    struct fingerprint trusted; /* the key that was */
    bool has_trusted;

    /* Of fsd. */
    gnutls_privkey_t key; /* which the signer has */
    int signer;
    int64_t until_ms;

    size_t raw_start, raw_end;
    size_t out_start, out_end;
    char raw[RAW_ROOM]; /* what came and was not yet decrypted */
    char out[OUT_ROOM]; /* what was encrypted and not yet sent */
};

/*
 * Of our own, not of the system's configuration: TLS 1.3 with the ciphers, groups and signatures that
 * every library has.
 */
static const char priorities[] =
    "NONE:+VERS-TLS1.3:+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM:+AEAD:+COMP-NULL:"
    "+GROUP-X25519:+GROUP-SECP256R1:+CTYPE-X509:"
    "+SIGN-EdDSA-Ed25519:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-RSA-PSS-RSAE-SHA256";

static gnutls_priority_t priority;
static gnutls_certificate_credentials_t credentials; /* of all connections */

/* The bytes. A socket is never made non-blocking: other processes may share it. */

static ssize_t pull(gnutls_transport_ptr_t pointer, void *bytes, size_t length)
{
    struct tls_connection *connection = pointer;

    if (connection->raw_start == connection->raw_end) {
        ssize_t got = recv(connection->fd, connection->raw, sizeof connection->raw, MSG_DONTWAIT);
        if (got <= 0) {
            connection->is_starved = got < 0 && errno == EAGAIN;
            gnutls_transport_set_errno(connection->session, errno);
            return got;
        }
        for (size_t i = 0; i < (size_t)got && connection->came + i < FIRST_BYTES; i++)
            connection->first[connection->came + i] = connection->raw[i];
        connection->came += (uint64_t)got;
        connection->raw_start = 0;
        connection->raw_end = (size_t)got;
    }
    size_t left = connection->raw_end - connection->raw_start;
    if (length > left)
        length = left;
    memcpy(bytes, connection->raw + connection->raw_start, length);
    connection->raw_start += length;
    return (ssize_t)length;
}

static ssize_t push(gnutls_transport_ptr_t pointer, const giovec_t *parts, int count)
{
    struct tls_connection *connection = pointer;
    size_t before = connection->out_end;
    /* A message of GnuTLS's own must not overtake what is still to be sent. */
    bool collects = connection->collects || connection->out_start < before;
    const struct msghdr header = {.msg_iov = (struct iovec *)(intptr_t)parts, // NOLINT
                                  .msg_iovlen = (size_t)count};

    for (int i = 0; collects && i < count; i++) {
        if (parts[i].iov_len > sizeof connection->out - connection->out_end) {
            gnutls_transport_set_errno(connection->session, ENOBUFS);
            return -1;
        }
        memcpy(connection->out + connection->out_end, parts[i].iov_base, parts[i].iov_len);
        connection->out_end += parts[i].iov_len;
    }
    if (collects)
        return (ssize_t)(connection->out_end - before);
    ssize_t sent = sendmsg(connection->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0)
        gnutls_transport_set_errno(connection->session, errno);
    return sent;
}

/* Keys. */

/* The key of a certificate, which has nothing else that matters. Returns NULL, or what is wrong. */
static const char *find_key(const gnutls_datum_t *der, struct fingerprint *ret)
{
    gnutls_x509_crt_t certificate = NULL;
    gnutls_pubkey_t key = NULL;
    const char *wrong = "not valid";

    if (gnutls_x509_crt_init(&certificate) == 0 &&
        gnutls_x509_crt_import(certificate, der, GNUTLS_X509_FMT_DER) == 0 &&
        gnutls_pubkey_init(&key) == 0 && gnutls_pubkey_import_x509(key, certificate, 0) == 0)
        wrong = identity_check_key(key, ret);
    gnutls_pubkey_deinit(key);
    gnutls_x509_crt_deinit(certificate);
    return wrong;
}

static bool digest_certificate(const gnutls_datum_t *der, struct fingerprint *ret)
{
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, der->data, der->size, ret->bytes) == 0;
}

/* The key of the other side, which check_certificate() has found. Returns the same. */
static const char *find_peer_key(const struct tls_connection *connection, bool *ret_has_key,
                                 struct fingerprint *ret)
{
    unsigned count = 0;
    struct fingerprint digest;
    const gnutls_datum_t *certificates = gnutls_certificate_get_peers(connection->session, &count);

    *ret_has_key = certificates != NULL && count > 0;
    if (!*ret_has_key)
        return NULL;
    *ret = connection->peer_key;
    return digest_certificate(&certificates[0], &digest) &&
                   fingerprint_is_equal(&digest, &connection->peer_certificate)
               ? NULL
               : "not valid";
}

/* Reads the length of a vector (RFC 8446, 3.4) of what is left of a message; -1 if it is longer. */
static int64_t read_length(gnutls_datum_t *left, unsigned size)
{
    int64_t length = 0;

    if (left->size < size)
        return -1;
    for (unsigned i = 0; i < size; i++)
        length = length << 8 | left->data[i];
    left->data += size;
    left->size -= size;
    return length <= left->size ? length : -1;
}

/*
 * Looks at the message Certificate (RFC 8446, 4.4.2) of the other side before GnuTLS verifies anything
 * with its key: with a key made for it, that can take very long.
 */
static int check_certificate(gnutls_session_t session, unsigned type, unsigned when,
                             unsigned incoming, const gnutls_datum_t *message)
{
    struct tls_connection *connection = gnutls_session_get_ptr(session);
    gnutls_datum_t left = *message;

    (void)type;
    (void)when;
    if (incoming == 0)
        return 0;
    int64_t length = read_length(&left, 1); /* of the context */
    if (length >= 0) {
        left.data += length;
        left.size -= (unsigned)length;
        length = read_length(&left, 3); /* of the list */
    }
    if (length == 0)
        return 0;
    if (length > 0)
        length = read_length(&left, 3); /* of the first certificate, the only one that counts */
    const gnutls_datum_t certificate = {.data = left.data, .size = (unsigned)length};
    connection->wrong = length < 0 ? "not valid" : find_key(&certificate, &connection->peer_key);
    if (connection->wrong == NULL &&
        !digest_certificate(&certificate, &connection->peer_certificate))
        connection->wrong = "not valid";
    return connection->wrong == NULL ? 0 : GNUTLS_E_UNSUPPORTED_CERTIFICATE_TYPE;
}

/* Has a client prepare itself, at the latest when the first answer of the server has come. */
static int get_ready(struct tls_connection *connection)
{
    if (connection->prepare != NULL)
        connection->prepared = connection->prepare(connection->context, &connection->identity);
    connection->prepare = NULL;
    return connection->prepared;
}

/* In the handshake of a client, before it sends its own key: is the key of the server trusted? */
static int verify_server(gnutls_session_t session)
{
    struct tls_connection *connection = gnutls_session_get_ptr(session);
    bool has_key = false;

    if (connection->is_trusted == NULL)
        return 0;
    if (get_ready(connection) < 0)
        return GNUTLS_E_CERTIFICATE_ERROR;
    if (find_peer_key(connection, &has_key, &connection->trusted) != NULL || !has_key)
        return GNUTLS_E_CERTIFICATE_ERROR;
    connection->has_trusted = connection->is_trusted(connection->context, &connection->trusted);
    connection->is_refused = !connection->has_trusted;
    return connection->has_trusted ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

/* Gives GnuTLS our certificate, if there is one, and the key that belongs to it or to the signer. */
static int retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                    gnutls_pcert_st **certificates, unsigned *count, gnutls_ocsp_data_st **ocsp,
                    unsigned *ocsp_count, gnutls_privkey_t *key, unsigned *flags)
{
    struct tls_connection *connection = gnutls_session_get_ptr(session);

    (void)info;
    (void)flags;
    *ocsp = NULL;
    *ocsp_count = 0;
    *count = 0;
    if (get_ready(connection) < 0)
        return GNUTLS_E_CERTIFICATE_ERROR;
    if (connection->identity == NULL)
        return 0;
    *certificates = (gnutls_pcert_st *)(intptr_t)&connection->identity->certificate; // NOLINT
    *count = 1;
    *key = connection->identity->key != NULL ? connection->identity->key : connection->key;
    return 0;
}

int connection_init(void)
{
    int code = gnutls_priority_init(&priority, priorities, NULL);

    if (code == 0)
        code = gnutls_certificate_allocate_credentials(&credentials);
    if (code < 0)
        return code;
    gnutls_certificate_set_verify_function(credentials, verify_server);
    gnutls_certificate_set_retrieve_function3(credentials, retrieve);
    return 0;
}

/* Waits until `fd` has such an event. Returns 1, 0 at clock_ms() `until_ms`, or -1 for `wake`. */
static int await(int fd, short event, int wake, int64_t until_ms)
{
    struct pollfd polled[] = {{.fd = fd, .events = event}, {.fd = wake, .events = POLLIN}};

    for (;;) {
        int64_t left = until_ms - clock_ms();
        if (left <= 0)
            return 0;
        (void)poll(polled, 2, left > INT32_MAX ? INT32_MAX : (int)left);
        if (polled[1].revents != 0)
            return -1;
        if (polled[0].revents != 0)
            return 1;
    }
}

/* Has the signer sign something with the key that this process does not have. */
static int ask_signer(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *context,
                      unsigned flags, const gnutls_datum_t *content, gnutls_datum_t *signature)
{
    const struct tls_connection *connection = context;
    char answer[SIGNATURE_MOST];
    ssize_t got = -1;

    (void)key;
    (void)algorithm;
    (void)flags;
    if (send(connection->signer, content->data, content->size, MSG_NOSIGNAL | MSG_DONTWAIT) ==
            (ssize_t)content->size &&
        await(connection->signer, POLLIN, -1, connection->until_ms) > 0)
        got = recv(connection->signer, answer, sizeof answer, MSG_DONTWAIT);
    if (got <= 0 || (signature->data = gnutls_malloc((size_t)got)) == NULL)
        return GNUTLS_E_PK_SIGN_FAILED;
    memcpy(signature->data, answer, (size_t)got);
    signature->size = (unsigned)got;
    return 0;
}

/* What GnuTLS needs to know about that key. */
static int describe_key(gnutls_privkey_t key, unsigned flags, void *context)
{
    const struct tls_connection *connection = context;
    const struct tls_identity *identity = connection->identity;
    gnutls_sign_algorithm_t algorithm = GNUTLS_FLAGS_TO_SIGN_ALGO(flags);

    (void)key;
    if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO) != 0)
        return (int)identity->algorithm;
    if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS) != 0)
        return (int)identity->bits;
    if ((flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) != 0)
        return gnutls_sign_supports_pk_algorithm(algorithm, identity->algorithm) != 0;
    return -1;
}

/* The handshake. */

/* What the other side speaks, if its first bytes are not those of TLS. */
static const char *recognize(const struct tls_connection *connection)
{
    static const struct {
        const char *start, *text;
    } known[] = {
        {"HTTP/", "HTTP"}, {"SSH-", "SSH"},
        {"GET ", "HTTP"},  {"POST ", "HTTP"},
        {"HEAD ", "HTTP"}, {"PUT ", "plain text, such as that of a connection without TLS"}};
    bool is_text = connection->came > 0;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(connection->first, known[i].start, strlen(known[i].start)) == 0)
            return known[i].text;
    }
    for (size_t i = 0; i < FIRST_BYTES && i < connection->came; i++)
        is_text = is_text && (isprint((unsigned char)connection->first[i]) ||
                              isspace((unsigned char)connection->first[i]));
    return is_text ? "plain text" : NULL;
}

/*
 * Says why a handshake has failed. Returns the reason, which is that the connection was lost if bytes
 * that were changed on their way can be the cause: another attempt may succeed.
 */
static int explain(const struct tls_connection *connection, int error, char fault[TLS_FAULT_ROOM])
{
    const char *spoken = recognize(connection);
    const char *alert = NULL;

    if (spoken != NULL) {
        (void)snprintf(fault, TLS_FAULT_ROOM, "speaks %s instead of TLS", spoken);
        return -REASON_BREACH;
    }
    if (connection->wrong != NULL) {
        (void)snprintf(fault, TLS_FAULT_ROOM, "the key of the other side is %s", connection->wrong);
        return -REASON_BREACH;
    }
    switch (error) {
    case GNUTLS_E_PREMATURE_TERMINATION:
    case GNUTLS_E_PULL_ERROR:
    case GNUTLS_E_PUSH_ERROR:
    case GNUTLS_E_SESSION_EOF:
        (void)snprintf(fault, TLS_FAULT_ROOM,
                       "connected, but the connection ended in the handshake");
        return -REASON_LOST;
    case GNUTLS_E_FATAL_ALERT_RECEIVED:
    case GNUTLS_E_WARNING_ALERT_RECEIVED:
        alert = gnutls_alert_get_name(gnutls_alert_get(connection->session));
        (void)snprintf(fault, TLS_FAULT_ROOM, "the other side refuses the handshake: %s",
                       alert != NULL ? alert : "without a reason");
        return -REASON_LOST;
    case GNUTLS_E_NO_APPLICATION_PROTOCOL:
        (void)snprintf(fault, TLS_FAULT_ROOM, "speaks TLS, but not for fsd (ALPN " TLS_ALPN ")");
        return -REASON_BREACH;
    case GNUTLS_E_PK_SIGN_FAILED:
        (void)snprintf(fault, TLS_FAULT_ROOM, "the signer of fsd does not answer");
        return -REASON_UNAVAILABLE;
    default:
        (void)snprintf(fault, TLS_FAULT_ROOM, "the handshake failed: %s", gnutls_strerror(error));
        return -REASON_LOST;
    }
}

static int shake_hands(struct tls_connection *connection, int wake, char fault[TLS_FAULT_ROOM])
{
    gnutls_session_t session = connection->session;
    gnutls_datum_t protocol = {.data = NULL};
    int code = 0;

    while ((code = gnutls_handshake(session)) < 0) {
        if (get_ready(connection) < 0)
            return connection->prepared;
        /* Also when there is always something to read. */
        int64_t left = connection->until_ms - clock_ms();
        int ready = left > 0;
        if (connection->is_refused)
            break;
        /* A server of another kind may wait for its client to speak. */
        if (recognize(connection) != NULL)
            return explain(connection, code, fault);
        if (ready && gnutls_error_is_fatal(code)) {
            (void)gnutls_alert_send_appropriate(session, code);
            return explain(connection, code, fault);
        }
        if (ready && (connection->is_starved || gnutls_record_get_direction(session) == 1))
            ready =
                await(connection->fd, gnutls_record_get_direction(session) == 1 ? POLLOUT : POLLIN,
                      wake, connection->until_ms);
        if (ready < 0)
            return -REASON_UNAVAILABLE;
        if (ready == 0) {
            (void)snprintf(fault, TLS_FAULT_ROOM, "connected, but there was no handshake in time");
            return -REASON_TIMEOUT;
        }
        connection->is_starved = false;
    }
    if (connection->is_refused) {
        (void)gnutls_alert_send(session, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
        return -REASON_IDENTITY;
    }
    /* A peer that sends no ALPN at all is not refused by GNUTLS_ALPN_MANDATORY. */
    if (gnutls_protocol_get_version(session) != GNUTLS_TLS1_3 ||
        gnutls_alpn_get_selected_protocol(session, &protocol) < 0 ||
        protocol.size != sizeof TLS_ALPN - 1 ||
        memcmp(protocol.data, TLS_ALPN, protocol.size) != 0) {
        (void)gnutls_alert_send(session, GNUTLS_AL_FATAL, GNUTLS_A_NO_APPLICATION_PROTOCOL);
        return explain(connection, GNUTLS_E_NO_APPLICATION_PROTOCOL, fault);
    }
    return 0;
}

static void free_connection(struct tls_connection *connection)
{
    gnutls_deinit(connection->session);
    gnutls_privkey_deinit(connection->key);
    free(connection);
}

static struct tls_connection *begin(int fd, const struct tls_identity *identity, unsigned flags,
                                    int64_t until_ms, char fault[TLS_FAULT_ROOM])
{
    static unsigned char name[] = TLS_ALPN;
    const gnutls_datum_t protocol = {.data = name, .size = sizeof name - 1};
    struct tls_connection *connection = malloc(sizeof *connection);
    int code = connection != NULL ? 0 : GNUTLS_E_MEMORY_ERROR;

    if (code == 0) {
        /* Not its buffer, whose pages would be used then. */
        memset(connection, 0, offsetof(struct tls_connection, raw));
        connection->fd = fd;
        connection->identity = identity;
        connection->signer = -1;
        connection->until_ms = until_ms;
        code = gnutls_init(&connection->session,
                           flags | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);
    }
    if (code == 0)
        code = gnutls_priority_set(connection->session, priority);
    if (code == 0)
        code = gnutls_alpn_set_protocols(connection->session, &protocol, 1, GNUTLS_ALPN_MANDATORY);
    if (code == 0)
        code = gnutls_credentials_set(connection->session, GNUTLS_CRD_CERTIFICATE, credentials);
    if (code < 0) {
        (void)snprintf(fault, TLS_FAULT_ROOM, "cannot begin TLS: %s", gnutls_strerror(code));
        if (connection != NULL)
            free_connection(connection);
        return NULL;
    }
    gnutls_session_set_ptr(connection->session, connection);
    gnutls_transport_set_ptr(connection->session, connection);
    gnutls_transport_set_pull_function(connection->session, pull);
    gnutls_transport_set_vec_push_function(connection->session, push);
    gnutls_handshake_set_max_packet_length(connection->session, HANDSHAKE_MOST);
    gnutls_handshake_set_timeout(connection->session, GNUTLS_INDEFINITE_TIMEOUT);
    gnutls_handshake_set_hook_function(connection->session, GNUTLS_HANDSHAKE_CERTIFICATE_PKT,
                                       GNUTLS_HOOK_PRE, check_certificate);
    return connection;
}

int connection_connect(int fd, tls_prepare *prepare, tls_trust *is_trusted, void *context,
                       int64_t until_ms, struct tls_connection **ret, struct fingerprint *ret_key,
                       char fault[TLS_FAULT_ROOM])
{
    struct tls_connection *connection =
        begin(fd, NULL, GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT, until_ms, fault);
    struct fingerprint key;
    bool has_key = false;

    if (connection == NULL)
        return -REASON_INTERNAL;
    connection->prepare = prepare;
    connection->is_trusted = is_trusted;
    connection->context = context;
    int code = shake_hands(connection, -1, fault);
    /* It is not a success if verify_server() was never called. */
    if (code == 0 &&
        (find_peer_key(connection, &has_key, &key) != NULL || !has_key ||
         !connection->has_trusted || !fingerprint_is_equal(&key, &connection->trusted))) {
        (void)snprintf(fault, TLS_FAULT_ROOM, "the handshake failed: the server has no valid key");
        code = -REASON_BREACH;
    }
    if (code == 0 || code == -REASON_IDENTITY)
        *ret_key = connection->trusted;
    if (code < 0)
        free_connection(connection);
    else
        *ret = connection;
    return code;
}

int connection_accept(int fd, const struct tls_identity *identity, int signer, int wake,
                      int64_t until_ms, struct tls_connection **ret, struct tls_peer *ret_peer,
                      char fault[TLS_FAULT_ROOM])
{
    struct tls_connection *connection = begin(fd, identity, GNUTLS_SERVER, until_ms, fault);
    int code = connection != NULL ? 0 : -REASON_INTERNAL;

    if (code < 0)
        return code;
    connection->signer = signer;
    if (gnutls_privkey_init(&connection->key) < 0 ||
        gnutls_privkey_import_ext4(connection->key, connection, ask_signer, ask_signer, NULL, NULL,
                                   describe_key, 0) < 0) {
        (void)snprintf(fault, TLS_FAULT_ROOM, "not enough memory");
        code = -REASON_INTERNAL;
    } else {
        gnutls_certificate_server_set_request(connection->session, GNUTLS_CERT_REQUEST);
        gnutls_certificate_send_x509_rdn_sequence(connection->session, 1);
        code = shake_hands(connection, wake, fault);
    }
    if (code == 0) {
        const char *wrong = find_peer_key(connection, &ret_peer->has_key, &ret_peer->key);
        if (wrong != NULL) {
            (void)snprintf(fault, TLS_FAULT_ROOM, "the client's key is %s", wrong);
            (void)gnutls_alert_send(connection->session, GNUTLS_AL_FATAL,
                                    GNUTLS_A_UNSUPPORTED_CERTIFICATE);
            code = -REASON_BREACH;
        }
    }
    if (code < 0)
        free_connection(connection);
    else
        *ret = connection;
    return code;
}

/* The transport. */

/* Decrypts one record after the other, as long as there is one, so that a body comes in large pieces. */
static ssize_t receive(struct stream *stream, void *bytes, size_t length)
{
    struct tls_connection *connection = stream->state;
    size_t filled = 0;
    ssize_t got = 0;

    /* GnuTLS also says "again" after messages without data, while the next may have come. */
    for (int without_data = 0; !connection->has_ended && without_data < NO_DATA_MOST;) {
        connection->is_starved = false;
        got = gnutls_record_recv(connection->session, (char *)bytes + filled, length - filled);
        filled += got > 0 ? (size_t)got : 0;
        connection->has_ended = got == 0;
        without_data += got < 0;
        if (connection->is_starved || (got < 0 && gnutls_error_is_fatal((int)got)) ||
            filled == length || (got > 0 && connection->raw_start == connection->raw_end))
            break;
    }
    if (filled > 0 || connection->has_ended)
        return (ssize_t)filled;
    if (!connection->is_starved)
        (void)gnutls_alert_send_appropriate(connection->session, (int)got);
    errno = connection->is_starved ? EAGAIN : ECONNRESET;
    return -1;
}

/*
 * Encrypts some of the bytes and sends them in one piece. As long as that is under way, the next call
 * begins with the same bytes, and sends on.
 */
static ssize_t transmit(struct stream *stream, const void *bytes, size_t length)
{
    struct tls_connection *connection = stream->state;
    size_t most = length < SEALED_MOST ? length : SEALED_MOST;
    bool is_under_way = connection->sealed > 0;
    ssize_t sent = 1;

    connection->collects = true;
    while (!is_under_way && connection->sealed < most && sent > 0) {
        sent = gnutls_record_send(connection->session, (const char *)bytes + connection->sealed,
                                  most - connection->sealed);
        connection->sealed += sent > 0 ? (size_t)sent : 0;
    }
    connection->collects = false;
    if (sent <= 0) {
        errno = ECONNRESET;
        return -1;
    }
    while (connection->out_start < connection->out_end) {
        sent = send(connection->fd, connection->out + connection->out_start,
                    connection->out_end - connection->out_start, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0)
            return -1;
        connection->out_start += (size_t)sent;
    }
    sent = (ssize_t)connection->sealed;
    connection->sealed = connection->out_start = connection->out_end = 0;
    return sent;
}

/* close_notify (RFC 8446, 6.1), if it can be sent at once, and nothing is missing before it. */
static void send_end(struct tls_connection *connection)
{
    if (connection->sealed == 0)
        (void)gnutls_bye(connection->session, GNUTLS_SHUT_WR);
}

static void finish(struct stream *stream)
{
    struct tls_connection *connection = stream->state;

    send_end(connection);
    (void)shutdown(connection->fd, SHUT_WR);
}

static void close_transport(struct stream *stream)
{
    struct tls_connection *connection = stream->state;

    if (!stream->failed)
        send_end(connection);
    free_connection(connection);
}

const struct transport connection_transport = {
    .receive = receive,
    .send = transmit,
    .finish = finish,
    .close = close_transport,
};
