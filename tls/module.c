#include "tls/connection.h"
#include "tls/identity.h"
#include "tls/signer.h"

/* The one symbol that tls_load() looks up. */
extern const struct tls tls_module __attribute__((visibility("default")));

const struct tls tls_module = {
    .version = FSD_VERSION,
    .init = connection_init,
    .identity_open = identity_open,
    .identity_close = identity_close,
    .identity_fingerprint = identity_fingerprint,
    .connect = connection_connect,
    .accept = connection_accept,
    .transport = &connection_transport,
    .signer_run = signer_run,
    .signer_start = signer_start,
    .signer_can_check = signer_can_check,
};
