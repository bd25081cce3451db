/*
 * Connections, inside the module: see tls/tls.h.
 */
#ifndef TLS_CONNECTION_H
#define TLS_CONNECTION_H

#include <gnutls/gnutls.h>

#include "tls/tls.h"

int connection_connect(int fd, tls_prepare *prepare, tls_trust *is_trusted, void *context,
                       int64_t until_ms, struct tls_connection **ret, struct fingerprint *ret_key,
                       char fault[TLS_FAULT_ROOM]);
int connection_accept(int fd, const struct tls_identity *identity, int signer, int wake,
                      int64_t until_ms, struct tls_connection **ret, struct tls_peer *ret_peer,
                      char fault[TLS_FAULT_ROOM]);
extern const struct transport connection_transport;

/* Reads what all connections share, once, before processes are forked. Returns an error of GnuTLS. */
int connection_init(void);

#endif
