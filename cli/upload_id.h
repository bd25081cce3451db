/*
 * Ids of uploads, by which a later run of fsc can resume an upload that was cut off. Each is kept in
 * a small file in $XDG_STATE_HOME/fsc/uploads/ or ~/.local/state/fsc/uploads/. If no file can be
 * written, the id is for this run only.
 */
#ifndef CLI_UPLOAD_ID_H
#define CLI_UPLOAD_ID_H

#include <stdbool.h>
#include <sys/stat.h>

#include "protocol/digest.h"
#include "protocol/hex.h"

struct upload_id {
    char text[UPLOAD_ID_ROOM];
    bool is_recalled;       /* an earlier run left it */
    int fd;                 /* of its file, which is locked; -1: it is for this run only */
    int folder;             /* that has the file */
    char file[DIGEST_ROOM]; /* its name there */
};

/*
 * Takes the id for the upload of a file, which `status` describes, to a name on a server: the one
 * that an earlier run has left, or a new one, which is kept. While another run uses the id of the
 * same file, name and server, this one gets its own. upload_id_release() must be called.
 */
void upload_id_take(struct upload_id *id, const char *server, const char *name,
                    const struct stat *status);

/* Makes an id for this run only. upload_id_release() may be called. */
void upload_id_make(struct upload_id *id);

/* Releases the id, and removes it if its upload is `done`, so that there is nothing to resume. */
void upload_id_release(struct upload_id *id, bool done);

#endif
