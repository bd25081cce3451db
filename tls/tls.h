/*
 * TLS: what the module tls.so, which has GnuTLS, does for fsc and fsd. Neither program is linked with
 * it: tls_load() loads it when an address needs it, so that a Unix socket costs nothing more.
 *
 * A connection uses TLS 1.3 only (RFC 8446), with the ALPN protocol TLS_ALPN on both sides, and is
 * never resumed. Certificates are only a form for keys, and their names, dates and signatures do not
 * matter: a peer is known by its key alone; see protocol/fingerprint.h.
 *
 * Functions that can fail return 0 or a negative reason, with the end of the sentence "ADDRESS: ..."
 * or "FILE: ..." in `fault`.
 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/fingerprint.h"
#include "protocol/stream.h"

#define TLS_ALPN "fsd/1"

enum {
    TLS_FAULT_ROOM = 256,
    TLS_CERTIFICATE_MOST = 16 * 1024, /* bytes of a certificate */
};

/*
 * A key and its certificate. That of a client has the private key. In fsd only the signer has that;
 * the identity of its parent and sessions has only the certificate.
 */
struct tls_identity;

/* One side of a connection: the state of a stream. */
struct tls_connection;

/* Who is to own files that root makes. */
struct tls_owner {
    uid_t uid;
    gid_t gid;
};

/* Who the other side of a connection is. */
struct tls_peer {
    bool has_key; /* a client need not have one */
    struct fingerprint key;
};

/*
 * Opens the identity of a client, or none (NULL), while the server works on the first message. It must
 * live as long as the connection. Returns 0, or a reason, with which the handshake ends.
 */
typedef int tls_prepare(void *context, const struct tls_identity **ret);

/* Is the server with this key to be trusted? Asked after that. */
typedef bool tls_trust(void *context, const struct fingerprint *key);

struct tls {
    const char *version; /* of the product: that of the program must be the same */
    int (*init)(void);   /* for tls_load() */

    /*
     * Opens the identity in a PEM file (RFC 7468): an unencrypted private key (Ed25519, ECDSA with
     * P-256, or RSA of at least 2048 bits), and its certificate unless one is to be made for it. The
     * file must belong to this user, root or `owner`, and nobody else may read it. A file that is missing
     * is made for `owner`, unless that is NULL: with an Ed25519 key (RFC 8410) and mode 0600, in a folder
     * of mode 0700. Several processes may do so at once. The caller closes the identity. Returns 0; or
     * -REASON_NOT_FOUND, when the file is missing, -REASON_DENIED, when it is not kept from others, or
     * -REASON_INTERNAL.
     */
    int (*identity_open)(const char *path, const struct tls_owner *owner, struct tls_identity **ret,
                         char fault[TLS_FAULT_ROOM]);
    void (*identity_close)(struct tls_identity *identity);
    struct fingerprint (*identity_fingerprint)(const struct tls_identity *identity);

    /*
     * The handshake of a client: ends when the server has proven that it has a key that `is_trusted`,
     * or at clock_ms() `until_ms`. Without `prepare` (NULL), or an identity, the client has no key. The
     * descriptor is a socket, which stays the caller's. `*ret` goes into a stream, as the state of
     * `transport`, which frees it.
     *
     * Returns 0; -REASON_IDENTITY for a key that is not trusted; -REASON_LOST, also for what bytes that
     * were changed on their way can cause; -REASON_TIMEOUT; -REASON_BREACH for a server that does not
     * speak this TLS; or what `prepare` returns, and no fault then. The first two set `*ret_key`.
     */
    int (*connect)(int fd, tls_prepare *prepare, tls_trust *is_trusted, void *context,
                   int64_t until_ms, struct tls_connection **ret, struct fingerprint *ret_key,
                   char fault[TLS_FAULT_ROOM]);

    /*
     * The handshake of fsd, with a certificate of identity_open() or signer_start(). `signer` is this
     * connection's descriptor of the signer (see signer_run()). Ends also, with -REASON_UNAVAILABLE,
     * when `wake` (-1 for none) is readable. Otherwise as connect().
     */
    int (*accept)(int fd, const struct tls_identity *identity, int signer, int wake,
                  int64_t until_ms, struct tls_connection **ret, struct tls_peer *ret_peer,
                  char fault[TLS_FAULT_ROOM]);
    const struct transport *transport;

    /*
     * The life of the signer: a process that has the private key of fsd, so that no session needs it.
     * `channel` is its end of a pair of Unix sockets that keep messages whole (SOCK_SEQPACKET, unix(7)).
     * It opens or makes the identity, sends the certificate (signer_start() receives it), and locks
     * itself in, so that it can use its sockets and nothing else (seccomp(2)).
     *
     * From then on each message on the channel brings a descriptor, one end of a pair for one
     * connection. On it comes what the server signs in a handshake (CertificateVerify, RFC 8446,
     * 4.4.3), which is checked; the signature goes back, and the descriptor is closed, so a session can
     * have one thing signed. With a key other than Ed25519, GnuTLS hands over only a hash of it, which
     * cannot be checked. Does not return: the process ends with the channel and these descriptors.
     */
    void (*signer_run)(int channel, const char *path, const struct tls_owner *owner);

    /*
     * For the parent: receives what a signer sends first, until clock_ms() `until_ms`. Returns 0, with
     * the identity's certificate, and with a warning in `fault`, or ""; or a reason, also when the key
     * is not that of `expected` (NULL for any).
     */
    int (*signer_start)(int channel, const struct tls_identity *expected, int64_t until_ms,
                        struct tls_identity **ret, char fault[TLS_FAULT_ROOM]);

    /* Can the signer check what it signs? Not if the key is not Ed25519. */
    bool (*signer_can_check)(const struct tls_identity *identity);
};

/*
 * Loads the module, once: tls.so beside the program, if nobody else can change what is there, or
 * where `make install` puts it. Returns NULL, with the end of the sentence "cannot use TLS: ..." in
 * `fault`, when that fails.
 */
const struct tls *tls_load(char fault[TLS_FAULT_ROOM]);

#endif
