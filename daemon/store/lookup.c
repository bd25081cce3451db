#include "daemon/store/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "protocol/descriptor.h"

int lookup_open(const struct library *library, const char *name, struct stored *ret)
{
    struct stat seen;
    int code = 0;

    *ret = (struct stored){.fd = -1};
    /* A device may do something when it is opened, and a FIFO may have a writer that waits for that. */
    bool is_special = fstatat(library->root, name, &seen, AT_SYMLINK_NOFOLLOW) == 0 &&
                      !S_ISREG(seen.st_mode) && !S_ISDIR(seen.st_mode);
    if (!is_special)
        ret->fd = library_openat(library, name, O_RDONLY);
    if (ret->fd < 0) {
        if (!is_special && errno != ELOOP)
            return library_failure(errno);
        /* There is a link, or a device: is it the name itself, or beyond a link on the way to it? */
        int fd = library_openat(library, name, O_PATH | O_NOFOLLOW);
        if (fd < 0)
            return library_failure(errno);
        (void)close(fd);
        return -REASON_NOT_A_FILE;
    }
    if (fstat(ret->fd, &ret->status) < 0)
        code = -REASON_INTERNAL;
    else if (!S_ISREG(ret->status.st_mode))
        code = -REASON_NOT_A_FILE;
    if (code == 0) {
        (void)record_read(ret->fd, &ret->status, &ret->record);
    } else {
        descriptor_close(ret->fd);
        ret->fd = -1;
    }
    return code;
}

int lookup_digest(struct stored *stored, const atomic_bool *cancelled)
{
    if (stored->record.digest[0] != '\0')
        return 0;
    int code = digest_of_file(stored->fd, &stored->status, cancelled, stored->record.digest);
    if (code == -REASON_INTERNAL)
        code = library_failure(errno);
    if (code < 0)
        stored->record.digest[0] = '\0';
    return code;
}

bool lookup_is_committed(const struct library *library, const struct stat *status,
                         const struct record *record)
{
    const mode_t writable = S_IWUSR | S_IWGRP | S_IWOTH;

    return record->digest[0] != '\0' || status->st_nlink > 1 ||
           (!library->records && (status->st_mode & writable) == 0);
}

bool lookup_has_changed(const struct stored *stored)
{
    return descriptor_has_changed(stored->fd, &stored->status);
}
