#include "protocol/sparse.h"

#include <fcntl.h>
#include <stdbool.h>
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
    sparse.size = most % 2 == 0 ? LENGTH : 0;
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

/* Room is reserved in steps ahead of the bytes, not for zeros, and never beyond the size. */
static void check_steps(void)
{
    enum { MIB = 1 << 20 };
    static const struct {
        int64_t length, reserved; /* after adding bytes that are not zeros up to there */
    } steps[] = {
        {1, MIB},           {MIB, MIB},           {MIB + 1, 2 * MIB},   {2 * MIB + 1, 4 * MIB},
        {5 * MIB, 8 * MIB}, {10 * MIB, 16 * MIB}, {17 * MIB, 20 * MIB}, {20 * MIB, 20 * MIB},
    };
    int fd = memfd_create("steps", MFD_CLOEXEC);
    struct sparse sparse = {.size = 20 * MIB};
    struct stat status;

    memset(bytes, 'x', sizeof bytes);
    CHECK(sparse_reserve(&sparse, fd) == 0 && sparse.reserved == MIB);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        while (sparse.length < steps[i].length) {
            int64_t left = steps[i].length - sparse.length;
            CHECK(sparse_write(&sparse, fd, bytes, left < LENGTH ? (size_t)left : LENGTH) == 0);
        }
        CHECK(sparse.reserved == steps[i].reserved);
        CHECK(fstat(fd, &status) == 0 && status.st_size == steps[i].length);
        CHECK(status.st_blocks * 512 == steps[i].reserved);
    }
    (void)close(fd);

    /* A hole that is longer than what is reserved takes nothing. */
    fd = memfd_create("hole", MFD_CLOEXEC);
    sparse = (struct sparse){.size = 20 * MIB};
    CHECK(sparse_reserve(&sparse, fd) == 0 && sparse_write(&sparse, fd, "x", 1) == 0);
    memset(bytes, 0, sizeof bytes);
    while (sparse.length < 10 * MIB)
        CHECK(sparse_write(&sparse, fd, bytes, sizeof bytes) == 0);
    CHECK(sparse.reserved == MIB);
    CHECK(sparse_write(&sparse, fd, "x", 1) == 0 && sparse.reserved > 19 * MIB);
    CHECK(fstat(fd, &status) == 0 && status.st_blocks * 512 < 11 * MIB);
    (void)close(fd);

    /* What cannot be reserved is not tried again. */
    fd = memfd_create("full", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    sparse = (struct sparse){.size = INT64_MAX};
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW) == 0);
    CHECK(sparse_reserve(&sparse, fd) == -1);
    CHECK(sparse_reserve(&sparse, fd) == 0);
    CHECK(sparse.reserved == 0);
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
    check_steps();
    return 0;
}
