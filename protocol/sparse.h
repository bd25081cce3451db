/*
 * Writing regular files whose zeros take no room: whole blocks of zeros are left out, and read as
 * zeros all the same.
 */
#ifndef PROTOCOL_SPARSE_H
#define PROTOCOL_SPARSE_H

#include <stddef.h>
#include <stdint.h>

/* How far a file is written. Begins with both lengths 0, or as long as the file is already. */
struct sparse {
    int64_t length;   /* bytes added */
    int64_t written;  /* as far as the file has them; those after it are zeros */
    int64_t holes;    /* made so far */
    int64_t size;     /* of the whole file, when room is to be reserved for it; else 0 */
    int64_t reserved; /* as far as the file has room, which is given back for zeros */
};

/*
 * Reserves room for the next step of the bytes up to `size`, where the file system can. The first
 * step is 1 MiB; a later one is as long as what was added before, up to 64 MiB. sparse_write() calls
 * it when it gets there. Returns 0, or -1 with errno set; then nothing more is reserved.
 */
int sparse_reserve(struct sparse *sparse, int fd);

/*
 * Adds bytes to the file, whatever its offset is. Where its file system does not let it grow by
 * ftruncate(2), zeros are written. Returns 0, or -1 with errno set.
 */
int sparse_write(struct sparse *sparse, int fd, const char *bytes, size_t length);

/* Gives the file its whole length, after the last bytes. Returns 0, or -1 with errno set. */
int sparse_finish(struct sparse *sparse, int fd);

#endif
