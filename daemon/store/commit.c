#include "daemon/store/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "daemon/store/folder.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"

enum {
    VANISHED = COMMIT_UNKNOWN + 1, /* a folder vanished under the link */
    TRIES = 100, /* how often a folder may die between its making and the link into it */
};

/* One try. Returns 0, a reason, or VANISHED. */
static int try_link(const struct library *library, const struct stage *stage, const char *name)
{
    int folder = -1;
    size_t made = 0;
    const char *last = name_last_component(name);
    int code = folder_make(library, name, &folder, &made);

    /* What cannot be made durable must not get a name. */
    if (code == 0)
        code = folder_judge(library, name);
    if (code == 0 && linkat(stage->folder, stage->id, folder, last, 0) < 0) {
        /* Our own link may have won after all, as a repeated request to a file server may tell. */
        if (errno == EEXIST)
            code = descriptor_is_named(stage->fd, folder, last) ? 0 : -REASON_EXISTS;
        else
            code = library_failure(errno);
    }
    descriptor_close(folder);
    int error = errno;
    if (code != 0 && made > 0)
        folder_prune(library, name, made);
    errno = error;
    return code == -REASON_NOT_FOUND && errno == ENOENT ? VANISHED : code;
}

int commit_link(const struct library *library, const struct stage *stage, const char *name)
{
    int code = VANISHED;

    for (int tries = 0; code == VANISHED && tries < TRIES; tries++)
        code = try_link(library, stage, name);
    if (code == VANISHED)
        return -REASON_INTERNAL;
    if (code < 0)
        return code;
    /* Whatever it is, it comes too late to be a refusal: the name is there. */
    return folder_sync(library, name) < 0 ? COMMIT_UNKNOWN : 0;
}

int commit_make_durable(const struct library *library, const struct stored *stored,
                        const char *name)
{
    int code = fsync(stored->fd) < 0 ? -REASON_INTERNAL : folder_sync(library, name);

    return code < 0 && errno == EIO ? COMMIT_UNKNOWN : code;
}
