#include "protocol/sparse.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/check.h"

enum {
    LENGTH = 300000,
};

static char bytes[LENGTH];
static char got[LENGTH + 1];

/* Runs of zeros and of other bytes, of lengths around those of blocks and much shorter. */
static void fill_bytes(void)
{
    bool is_zero = false;

    for (size_t at = 0; at < sizeof bytes;) {
        size_t most = random() % 3 == 0 ? 30000 : random() % 2 == 0 ? 4200 : 10;
        size_t length = (size_t)random() % most + 1;
        for (size_t i = 0; i < length && at < sizeof bytes; i++, at++)
            bytes[at] = (char)(is_zero ? 0 : random());
        is_zero = !is_zero;
    }
}

/* What is written is the same, whatever the pieces are in which it comes. */
static void check_pieces(size_t most, size_t start)
{
    int fd = memfd_create("sparse", MFD_CLOEXEC);
    struct sparse sparse = {.length = (int64_t)start, .written = (int64_t)start};

    CHECK(pwrite(fd, bytes, start, 0) == (ssize_t)start);
    sparse.is_reserved = most % 2 == 0;
    for (size_t at = start; at < sizeof bytes;) {
        size_t length = (size_t)random() % most + 1;
        length = length < sizeof bytes - at ? length : sizeof bytes - at;
        CHECK(sparse_write(&sparse, fd, bytes + at, length) == 0);
        at += length;
        CHECK(sparse.length == (int64_t)at);
    }
    CHECK(sparse_finish(&sparse, fd) == 0);
    CHECK(read(fd, got, sizeof got) == LENGTH);
    CHECK(memcmp(got, bytes, sizeof bytes) == 0);
    (void)close(fd);
}

static void check_zeros(void)
{
    int fd = memfd_create("zeros", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct sparse sparse = {.length = 0};
    struct stat status;

    memset(bytes, 0, sizeof bytes);
    CHECK(sparse_write(&sparse, fd, bytes, sizeof bytes) == 0);
    CHECK(sparse_finish(&sparse, fd) == 0 && sparse_finish(&sparse, fd) == 0);
    CHECK(fstat(fd, &status) == 0 && status.st_size == LENGTH && status.st_blocks == 0);
    /* What cannot grow is filled, or fails. */
    sparse = (struct sparse){.length = 0};
    CHECK(ftruncate(fd, 0) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == 0);
    CHECK(sparse_write(&sparse, fd, bytes, sizeof bytes) == 0);
    CHECK(sparse_finish(&sparse, fd) == -1);
    (void)close(fd);
}

int main(void)
{
    static const size_t pieces[] = {LENGTH, 131072, 65535, 4096, 4095, 100, 3};

    srandom(1);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        fill_bytes();
        check_pieces(pieces[i], 0);
        check_pieces(pieces[i], 10000);
    }
    check_zeros();
    return 0;
}
