/*
 * The signer, as the parent sees it: a process that has the private key of the daemon, so that neither
 * the parent nor a session needs it. What it does is in tls/tls.h.
 *
 * Each connection gets a descriptor of its own, over which its session asks for the one signature of
 * its handshake. The signer ends with the parent's end of its channel, and the handshakes under way.
 */
#ifndef DAEMON_SIGNER_H
#define DAEMON_SIGNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/settings.h"
#include "settings/fault.h"
#include "tls/tls.h"

struct signer {
    const struct tls *tls;         /* NULL when no address needs it */
    struct tls_identity *identity; /* the daemon's certificate */
    const struct settings *settings;
    pid_t pid;          /* 0: there is none now */
    int channel;        /* -1: closed, so that it ends */
    bool is_ready;      /* it has shown that it has the key */
    bool is_lost;       /* it could not be started again, which was logged */
    int64_t started_ms; /* by clock_ms() */
};

/*
 * For the start of the daemon: loads what TLS needs, starts a signer, and waits until it has the key,
 * which it makes if there is none. Logs what is weak about it. Returns 0, or a reason with a sentence in
 * `fault`.
 */
int signer_open(struct signer *signer, const struct settings *settings,
                char fault[FAULT_LINE_ROOM]);

/* Would signer_open() succeed? Makes no key: if there is none, one could be made. Returns the same. */
int signer_check(const struct settings *settings, char fault[FAULT_LINE_ROOM]);

/*
 * For fsd --print-identity: finds the fingerprint of the key, which it makes if there is none, for the
 * owner of its folder, or of the library: root may be the first to ask. Returns as signer_open().
 */
int signer_fingerprint(const struct settings *settings, struct fingerprint *ret,
                       char fault[FAULT_LINE_ROOM]);

/*
 * Starts a signer again. It is ready when signer_hear() has received its certificate, which must be
 * that of the first one. Neither waits. Both log their failure, the first of several in a row.
 */
void signer_restart(struct signer *signer);
void signer_hear(struct signer *signer);

/* In how many milliseconds does it need to be started again? -1: there is one, or none is needed. */
int64_t signer_needs_start_in(const struct signer *signer);

/*
 * Makes a pair of sockets, gives one end to the signer, and returns the other: what tls->accept() takes.
 * Never waits. Returns -1 with errno set when that is not possible now.
 */
int signer_connect(const struct signer *signer);

/* For the parent, when the process has ended: logs why, if it has said so. */
void signer_end(struct signer *signer);

/* Lets it end, and frees the certificate. */
void signer_close(struct signer *signer);

#endif
