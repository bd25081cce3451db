/*
 * The identity of fsc: the key by which servers on the network know it. Unless a file is named, it is
 * the user's own, which is made when it is needed for the first time. Where there is no place for it,
 * fsc has none, and is anonymous.
 */
#ifndef CLI_IDENTITY_H
#define CLI_IDENTITY_H

#include <limits.h>
#include <stdbool.h>

#include "cli/settings.h"
#include "tls/tls.h"

struct identity {
    struct tls_identity *key; /* NULL: there is none, for the reason in `missing` */
    char file[PATH_MAX];
    bool is_named; /* by the settings, so it is not the user's own */
    char missing[TLS_FAULT_ROOM + PATH_MAX];
};

/*
 * Opens the identity that the settings name, or the user's own. A named file that is missing is only
 * made if `makes_named`: no server could know a new key of other commands anyway. Returns 0, also
 * without an identity, or -REASON_USAGE for a file that cannot be used. `ret->key` is to be closed
 * by tls->identity_close().
 */
int identity_find(const struct tls *tls, const struct settings *settings, bool makes_named,
                  struct identity *ret, struct failure *failure);

#endif
