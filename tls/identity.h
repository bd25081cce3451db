/*
 * Identities, inside the module: see tls/tls.h.
 */
#ifndef TLS_IDENTITY_H
#define TLS_IDENTITY_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "tls/tls.h"

struct tls_identity {
    gnutls_privkey_t key; /* NULL: this process only has the certificate */
    gnutls_pcert_st certificate;
    struct fingerprint fingerprint;
    gnutls_pk_algorithm_t algorithm;
    unsigned bits;
};

int identity_open(const char *path, const struct tls_owner *owner, struct tls_identity **ret,
                  char fault[TLS_FAULT_ROOM]);
void identity_close(struct tls_identity *identity);
struct fingerprint identity_fingerprint(const struct tls_identity *identity);

/* The identity of a certificate in DER, without its private key. NULL if it is not a valid one. */
struct tls_identity *identity_import(const gnutls_datum_t *der, char fault[TLS_FAULT_ROOM]);

/*
 * Finds out what key a certificate has. Returns NULL, or what is wrong with it, as the end of the
 * sentence "the key is ...".
 */
const char *identity_check_key(gnutls_pubkey_t key, struct fingerprint *ret_fingerprint);

#endif
