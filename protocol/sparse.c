#include "protocol/sparse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCK = 4096,         /* bytes of zeros that are left out, at a multiple of it */
    HOLES_FIRST = 64,     /* in a file whose room is reserved, */
    HOLE_EACH = 1 << 20,  /* and one more for so many bytes */
    STEP_FIRST = 1 << 20, /* bytes of room that are reserved at a time */
    STEP_MOST = 64 << 20,
};

static bool is_zero(const char *bytes, size_t length)
{
    return bytes[0] == '\0' && memcmp(bytes, bytes + 1, length - 1) == 0;
}

/* How many of the bytes are in the same block as the first, which is at `offset` of the file? */
static size_t in_block(int64_t offset, size_t length)
{
    size_t left = BLOCK - (size_t)(offset % BLOCK);

    return left < length ? left : length;
}

static int write_at(int fd, const char *bytes, size_t length, int64_t offset)
{
    while (length > 0) {
        ssize_t wrote = pwrite(fd, bytes, length, offset);
        if (wrote < 0 && errno != EINTR)
            return -1;
        if (wrote > 0) {
            bytes += wrote;
            length -= (size_t)wrote;
            offset += wrote;
        }
    }
    return 0;
}

int sparse_reserve(struct sparse *sparse, int fd)
{
    int64_t from = sparse->length > sparse->reserved ? sparse->length : sparse->reserved;
    int64_t step = from < STEP_FIRST ? STEP_FIRST : from > STEP_MOST ? STEP_MOST : from;
    int code = 0;

    if (from >= sparse->size)
        return 0;
    if (step > sparse->size - from)
        step = sparse->size - from;
    do
        code = fallocate(fd, FALLOC_FL_KEEP_SIZE, from, step);
    while (code < 0 && errno == EINTR);
    if (code == 0)
        sparse->reserved = from + step;
    else
        sparse->size = 0;
    return code;
}

/* Writes the zeros that were left out. */
static int fill(struct sparse *sparse, int fd)
{
    static const char zeros[BLOCK];

    while (sparse->written < sparse->length) {
        size_t part = in_block(sparse->written, (size_t)(sparse->length - sparse->written));
        if (write_at(fd, zeros, part, sparse->written) < 0)
            return -1;
        sparse->written += (int64_t)part;
    }
    return 0;
}

/*
 * Makes a hole of the zeros that were left out. Bytes that follow make the file grow, unless this is
 * the end; but the first hole shows whether its file system allows that.
 */
static int end_hole(struct sparse *sparse, int fd, bool is_end)
{
    int64_t from = (sparse->written + BLOCK - 1) / BLOCK * BLOCK;
    int64_t to = (sparse->length + (is_end ? BLOCK - 1 : 0)) / BLOCK * BLOCK;
    int64_t reserved = (sparse->reserved + BLOCK - 1) / BLOCK * BLOCK;
    bool is_reserved = from < to && from < reserved;
    int code = 0;

    if (sparse->written == sparse->length)
        return 0;
    /* Each hole waits for the journal. Where there are very many, all room is given back at once. */
    if (is_reserved && sparse->holes > HOLES_FIRST + sparse->length / HOLE_EACH &&
        ftruncate(fd, sparse->written) == 0) {
        sparse->size = sparse->reserved = 0;
        is_reserved = false;
    }
    if ((is_reserved || is_end || sparse->holes == 0) && ftruncate(fd, sparse->length) < 0)
        return fill(sparse, fd);
    /* Last, as ext4 punches no holes beyond the end. A failure only takes more room. */
    if (is_reserved) {
        do
            code = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from,
                             (to < reserved ? to : reserved) - from);
        while (code < 0 && errno == EINTR);
    }
    sparse->holes++;
    sparse->written = sparse->length;
    return 0;
}

int sparse_finish(struct sparse *sparse, int fd)
{
    return end_hole(sparse, fd, true);
}

int sparse_write(struct sparse *sparse, int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t part = in_block(sparse->length, length);
        if (!is_zero(bytes, part)) {
            /* All up to the next zeros in one write. */
            for (size_t next = part; next > 0 && part < length; part += next) {
                next = in_block(sparse->length + (int64_t)part, length - part);
                if (is_zero(bytes + part, next))
                    next = 0;
            }
            /* The hole first: to punch one beside bytes that were just written is slow. */
            if (end_hole(sparse, fd, false) < 0)
                return -1;
            /* Where there is no room for a whole step, there may be enough for the bytes. */
            if (sparse->length + (int64_t)part > sparse->reserved)
                (void)sparse_reserve(sparse, fd);
            if (write_at(fd, bytes, part, sparse->length) < 0)
                return -1;
            sparse->written += (int64_t)part;
        }
        sparse->length += (int64_t)part;
        bytes += part;
        length -= part;
    }
    return 0;
}
