/*
 * A disk that remembers what was done to it. Mounted by FUSE on a file, it serves an image as that
 * file, and logs each write and each flush (fsync) before it answers. A loop device over it makes a
 * disk, and any state in which a power cut may leave that disk can be made from the log.
 *
 *   disk IMAGE LOG MOUNTPOINT
 *
 * The log is a row of entries: offset and length as 64-bit numbers in the machine's order, and so
 * many bytes behind them. A flush has the length 0. It ends with its parent.
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    FLUSH_MS = 1,
};

static int image;
static int log_file;

struct entry {
    uint64_t offset;
    uint64_t length;
};

static int note(uint64_t offset, const char *bytes, size_t length)
{
    struct entry entry = {.offset = offset, .length = length};

    if (write(log_file, &entry, sizeof entry) != (ssize_t)sizeof entry ||
        write(log_file, bytes, length) != (ssize_t)length)
        return -EIO;
    return 0;
}

static int disk_getattr(const char *path, struct stat *ret, struct fuse_file_info *file)
{
    (void)path;
    (void)file;
    return fstat(image, ret) < 0 ? -errno : 0;
}

static int disk_read(const char *path, char *bytes, size_t length, off_t offset,
                     struct fuse_file_info *file)
{
    ssize_t got = pread(image, bytes, length, offset);

    (void)path;
    (void)file;
    return got < 0 ? -errno : (int)got;
}

static int disk_write(const char *path, const char *bytes, size_t length, off_t offset,
                      struct fuse_file_info *file)
{
    (void)path;
    (void)file;
    if (pwrite(image, bytes, length, offset) != (ssize_t)length)
        return -EIO;
    int code = note((uint64_t)offset, bytes, length);
    return code < 0 ? code : (int)length;
}

/* Takes its time, as disks do: a client that was answered before can note that before the flush. */
static int disk_fsync(const char *path, int data_only, struct fuse_file_info *file)
{
    const struct timespec pause = {.tv_nsec = FLUSH_MS * 1000000L};

    (void)path;
    (void)data_only;
    (void)file;
    (void)nanosleep(&pause, NULL);
    return note(0, "", 0);
}

int main(int argc, char **argv)
{
    static const struct fuse_operations operations = {
        .getattr = disk_getattr, .read = disk_read, .write = disk_write, .fsync = disk_fsync};

    if (argc != 4) {
        (void)fprintf(stderr, "Usage: disk IMAGE LOG MOUNTPOINT\n");
        return 2;
    }
    image = open(argv[1], O_RDWR | O_CLOEXEC);
    log_file = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (image < 0 || log_file < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) {
        perror("disk");
        return 1;
    }
    /* With one thread the order of the log is that of the answers. */
    char foreground[] = "-f";
    char one_thread[] = "-s";
    char *arguments[] = {argv[0], foreground, one_thread, argv[3], NULL};
    return fuse_main(4, arguments, &operations, NULL);
}
