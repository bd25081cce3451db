#include "cli/identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/user_folder.h"
#include "protocol/descriptor.h"
#include "settings/control.h"

int identity_find(const struct tls *tls, const struct settings *settings, bool makes_named,
                  struct identity *ret, struct failure *failure)
{
    const struct tls_owner owner = {.uid = geteuid(), .gid = getegid()};
    struct stat status;
    char user[CONTROL_USER_ROOM];
    char fault[TLS_FAULT_ROOM] = "";

    ret->key = NULL;
    ret->is_named = settings->identity != NULL;
    ret->missing[0] = '\0';
    if (ret->is_named) {
        if (snprintf(ret->file, sizeof ret->file, "%s", settings->identity) >=
            (int)sizeof ret->file)
            return fail(failure, REASON_USAGE, settings->identity, "cannot use this identity: %s",
                        strerror(ENAMETOOLONG));
    } else if (!user_folder_find(ret->file, "XDG_CONFIG_HOME", ".config", "fsc/identity.pem")) {
        (void)snprintf(ret->missing, sizeof ret->missing, "there is no HOME to keep one in");
        return 0;
    }
    /* Root could read it, as the daemon does; see sudo(8). */
    if (stat(ret->file, &status) == 0 && !control_is_ours(&status))
        return fail(failure, REASON_USAGE, ret->file,
                    "cannot use this identity: it belongs to %s (use --identity FILE)",
                    control_name_user(status.st_uid, user));
    int code = tls->identity_open(ret->file, NULL, &ret->key, fault);
    if (code == -REASON_NOT_FOUND && (!ret->is_named || makes_named)) {
        /* Not in the HOME of another user, as under sudo(8). */
        int folder = ret->is_named ? -1 : user_folder_open("XDG_CONFIG_HOME", ".config", "fsc");
        if (!ret->is_named && folder < 0)
            (void)snprintf(fault, sizeof fault, "%s", strerror(errno));
        else if (tls->identity_open(ret->file, &owner, &ret->key, fault) == 0)
            code = 0;
        if (code == 0)
            console_note("made your key: %s", ret->file);
        descriptor_close(folder);
        if (code < 0)
            (void)snprintf(ret->missing, sizeof ret->missing, "%.*s cannot be made: %s",
                           PATH_MAX - 32, ret->file, fault);
        return 0;
    }
    return code < 0
               ? fail(failure, REASON_USAGE, ret->file, "cannot use this identity: %s%s", fault,
                      code == -REASON_NOT_FOUND
                          ? " (use fsc identity with the same file to make it)"
                          : "")
               : 0;
}
