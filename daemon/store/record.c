#include "daemon/store/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "daemon/store/library.h"
#include "protocol/descriptor.h"
#include "protocol/line.h"
#include "protocol/value.h"

enum {
    RECORD_LONGEST = 512, /* bytes of a written record */
};

static bool parse(const char *text, size_t length, struct record *ret)
{
    struct line line;

    if (line_parse(&line, text, length) < 0)
        return false;
    const struct field *digest = line_option(&line, "digest");
    const struct field *size = line_option(&line, "size");
    const struct field *mtime = line_option(&line, "mtime");
    const struct field *by = line_option(&line, "by");
    const struct field *upload = line_option(&line, "upload");
    if (digest == NULL || size == NULL || mtime == NULL || by == NULL)
        return false;
    if (digest_check(digest->bytes, digest->length) < 0 ||
        !record_is_client(by->bytes, by->length) ||
        !value_number(size->bytes, size->length, &ret->size) ||
        !value_time(mtime->bytes, mtime->length, &ret->mtime) ||
        (upload != NULL && !record_is_upload(upload->bytes, upload->length)))
        return false;
    memcpy(ret->digest, digest->bytes, DIGEST_ROOM);
    memcpy(ret->by, by->bytes, by->length + 1);
    if (upload != NULL)
        memcpy(ret->upload, upload->bytes, UPLOAD_ID_ROOM);
    return true;
}

bool record_is_client(const char *name, size_t length)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-:";
    return length > 0 && length < RECORD_CLIENT_ROOM && strspn(name, letters) == length;
}

bool record_is_upload(const char *id, size_t length)
{
    return length == UPLOAD_ID_LENGTH && hex_is_valid(id, length);
}

bool record_is_possible(int fd)
{
    return fgetxattr(fd, RECORD_XATTR, NULL, 0) >= 0 || errno == ENODATA;
}

int record_write(int fd, const struct record *record)
{
    char text[RECORD_LONGEST];
    char mtime[VALUE_TIME_ROOM];
    int length =
        snprintf(text, sizeof text, "digest=%s size=%lld mtime=%s by=%s%s%s", record->digest,
                 (long long)record->size, value_print_time(record->mtime, mtime), record->by,
                 record->upload[0] != '\0' ? " upload=" : "", record->upload);

    if (length < 0 || length >= (int)sizeof text)
        return -REASON_INTERNAL;
    if (fsetxattr(fd, RECORD_XATTR, text, (size_t)length, 0) < 0)
        return library_failure(errno);
    return 0;
}

int record_read(int fd, const struct stat *status, struct record *ret)
{
    char text[RECORD_LONGEST];
    struct record record = {.upload = ""};
    ssize_t length = fgetxattr(fd, RECORD_XATTR, text, sizeof text);

    if (length < 0)
        return errno == ENODATA || descriptor_lacks_call(errno) ? -REASON_NOT_FOUND
                                                                : -REASON_INTERNAL;
    if (length == 0 || !parse(text, (size_t)length, &record)) {
        errno = EBADMSG;
        return -REASON_INTERNAL;
    }
    if (record.size != status->st_size || record.mtime.tv_sec != status->st_mtim.tv_sec ||
        record.mtime.tv_nsec != status->st_mtim.tv_nsec)
        return -REASON_MISMATCH;
    *ret = record;
    return 0;
}
