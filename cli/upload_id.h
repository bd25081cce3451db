/*
 * Ids of uploads, by which a later run of fsc can go on with a file that was cut off. They are kept
 * in the user's state folder, a small file for each upload: $XDG_STATE_HOME/fsc/uploads/ or
 * ~/.local/state/fsc/uploads/. Where none can be written an id is for this run only.
 */
#ifndef CLI_UPLOAD_ID_H
#define CLI_UPLOAD_ID_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "protocol/hex.h"

struct upload_id {
    char text[UPLOAD_ID_ROOM];
    bool is_recalled;    /* another run has used it before */
    int fd;              /* of its file, which is locked; -1: it is for this run only */
    char path[PATH_MAX]; /* of its file */
};

/*
 * Takes the id for the upload of a file, of which `status` tells, to a name on a server: the one
 * that an earlier run has left, else a new one, which is kept. While another run has that of the
 * same file, name and server this one gets its own. upload_id_release() is to be called.
 */
void upload_id_take(struct upload_id *id, const char *server, const char *name,
                    const struct stat *status);

/* Lets it go, and forgets it if what it stands for is `done`, one way or the other. */
void upload_id_release(struct upload_id *id, bool done);

#endif
