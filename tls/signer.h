/*
 * The signer, inside the module: see tls/tls.h.
 */
#ifndef TLS_SIGNER_H
#define TLS_SIGNER_H

#include "tls/tls.h"

void signer_run(int channel, const char *path, const struct tls_owner *owner);
int signer_start(int channel, const struct tls_identity *expected, int64_t until_ms,
                 struct tls_identity **ret, char fault[TLS_FAULT_ROOM]);
bool signer_can_check(const struct tls_identity *identity);

#endif
