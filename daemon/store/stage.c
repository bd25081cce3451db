#include "daemon/store/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/descriptor.h"

enum {
    STAGE_FOLDER_MODE = 0700,
    STAGE_MODE = 0600,
    STORED_MODE = 0440, /* nobody writes to a stored file */
};

static int open_folder(const struct library *library, const char *client)
{
    char path[sizeof LIBRARY_STAGE + RECORD_CLIENT_ROOM];

    (void)snprintf(path, sizeof path, LIBRARY_STAGE "/%s", client);
    int fd = library_openat(library, path, O_RDONLY | O_DIRECTORY);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (mkdirat(library->root, path, STAGE_FOLDER_MODE) < 0 && errno != EEXIST)
        return -1;
    return library_openat(library, path, O_RDONLY | O_DIRECTORY);
}

static int make_id(char id[STAGE_ID_LENGTH + 1])
{
    unsigned char random[STAGE_ID_LENGTH / 2];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return -1;
    for (size_t i = 0; i < sizeof random; i++)
        (void)snprintf(id + 2 * i, 3, "%02x", random[i]);
    return 0;
}

/* Room for the whole upload before its first byte, where the file system can promise it. */
static int keep_room(int fd, int64_t size)
{
    int code = 0;

    if (size <= 0)
        return 0;
    do
        code = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size);
    while (code < 0 && errno == EINTR);
    return code == 0 || errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -1;
}

static void add_usage(void *context, int folder, const char *id, const struct stat *status)
{
    struct stage_usage *usage = context;

    (void)folder;
    (void)id;
    usage->count++;
    usage->bytes += (uint64_t)status->st_size;
}

/* Opens a folder to read its entries; NULL when it cannot be. */
static DIR *open_entries(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;

    if (entries == NULL)
        descriptor_close(fd);
    return entries;
}

/* Visits the stages of one client. */
static void visit_client(int at, const char *client, stage_visit *visit, void *context)
{
    DIR *stages = open_entries(at, client);
    const struct dirent *entry = NULL;
    struct stat status;

    while (stages != NULL && (entry = readdir(stages)) != NULL) {
        if (fstatat(dirfd(stages), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode))
            visit(context, dirfd(stages), entry->d_name, &status);
    }
    if (stages != NULL)
        (void)closedir(stages);
}

int stage_open(struct stage *stage, const struct library *library, const char *client, int64_t size)
{
    *stage = (struct stage){.fd = -1, .folder = open_folder(library, client)};
    if (stage->folder < 0 || make_id(stage->id) < 0)
        goto fail;
    stage->fd = openat(stage->folder, stage->id,
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, STAGE_MODE);
    if (stage->fd < 0 || flock(stage->fd, LOCK_EX | LOCK_NB) < 0 || keep_room(stage->fd, size) < 0)
        goto fail;
    return 0;
fail:;
    int error = errno;
    stage_close(stage);
    errno = error;
    if (error == EWOULDBLOCK)
        return -REASON_BUSY;
    int code = library_failure(error);
    /* These would tell of the stage's own folder, and not of the name. */
    return code == -REASON_NOT_FOUND || code == -REASON_NOT_A_FILE ? -REASON_INTERNAL : code;
}

int stage_write(struct stage *stage, const char *bytes, size_t length)
{
    size_t written = 0;

    while (written < length) {
        ssize_t wrote = write(stage->fd, bytes + written, length - written);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return library_failure(errno);
        written += (size_t)wrote;
    }
    return 0;
}

int stage_seal(struct stage *stage, const struct library *library, struct record *record)
{
    struct stat status;

    if (futimens(stage->fd, NULL) < 0 || fstat(stage->fd, &status) < 0)
        return -REASON_INTERNAL;
    if (status.st_size != record->size)
        return -REASON_INTERNAL;
    record->mtime = status.st_mtim;
    int code = library->records ? record_write(stage->fd, record) : 0;
    if (code < 0)
        return code;
    /* A failed fsync is final: a second one may succeed although the bytes are gone. */
    if (fchmod(stage->fd, STORED_MODE) < 0 || fsync(stage->fd) < 0)
        return errno == ENOSPC || errno == EDQUOT ? -REASON_NO_SPACE : -REASON_INTERNAL;
    return 0;
}

void stage_close(struct stage *stage)
{
    if (stage->fd >= 0) {
        (void)unlinkat(stage->folder, stage->id, 0);
        (void)close(stage->fd);
    }
    descriptor_close(stage->folder);
    *stage = (struct stage){.fd = -1, .folder = -1};
}

void stage_visit_all(const struct library *library, stage_visit *visit, void *context)
{
    DIR *clients = open_entries(library->root, LIBRARY_STAGE);
    const struct dirent *entry = NULL;

    while (clients != NULL && (entry = readdir(clients)) != NULL) {
        if (entry->d_name[0] != '.')
            visit_client(dirfd(clients), entry->d_name, visit, context);
    }
    if (clients != NULL)
        (void)closedir(clients);
}

void stage_measure(const struct library *library, struct stage_usage *ret)
{
    *ret = (struct stage_usage){.count = 0};
    stage_visit_all(library, add_usage, ret);
}
