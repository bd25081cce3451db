#include "daemon/store/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "protocol/descriptor.h"
#include "protocol/hex.h"

enum {
    STAGE_FOLDER_MODE = 0700,
    STAGE_MODE = 0600,
    STORED_MODE = 0440,           /* nobody writes to a stored file */
    PLAN_ROOM = DIGEST_ROOM + 40, /* a record is longer */
    BLOCK = 512,                  /* bytes of what st_blocks counts (stat(3type)) */
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

/* What is called for each stage: its folder, its name in it, and its status. */
typedef void stage_visit(void *context, int folder, const char *id, const struct stat *status);

static void add_usage(void *context, int folder, const char *id, const struct stat *status)
{
    struct stage_usage *usage = context;
    int64_t room = (int64_t)status->st_blocks * BLOCK;

    (void)folder;
    (void)id;
    usage->count++;
    usage->bytes += (uint64_t)status->st_size;
    usage->room += (uint64_t)(status->st_size > room ? status->st_size : room);
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

/* Visits the stages of all clients, as far as they can be seen. */
static void visit_all(const struct library *library, stage_visit *visit, void *context)
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

/*
 * What belongs to an id, as text: the size, and the name's digest, since xattrs have little room.
 * It stands where the record will.
 */
static void write_plan(const struct stage_plan *plan, char text[PLAN_ROOM])
{
    char name[DIGEST_ROOM];

    (void)snprintf(text, PLAN_ROOM, "size=%lld name=%s", (long long)plan->size,
                   digest_of_bytes(plan->name, strlen(plan->name), name));
}

static int keep_plan(int fd, const struct stage_plan *plan)
{
    char text[PLAN_ROOM];

    if (plan->id == NULL)
        return 0;
    write_plan(plan, text);
    return fsetxattr(fd, RECORD_XATTR, text, strlen(text), 0);
}

/* Returns 0; -REASON_MISMATCH; or -REASON_NOT_FOUND when it is not known what the stage is for. */
static int judge_plan(int fd, const struct stage_plan *plan)
{
    char wanted[PLAN_ROOM];
    char text[PLAN_ROOM];
    ssize_t length = fgetxattr(fd, RECORD_XATTR, text, sizeof text);

    if (length < 0)
        return -REASON_NOT_FOUND;
    write_plan(plan, wanted);
    return (size_t)length == strlen(wanted) && memcmp(text, wanted, (size_t)length) == 0
               ? 0
               : -REASON_MISMATCH;
}

/* Closes all, and leaves the stage as it is. Keeps errno. */
static void leave(struct stage *stage)
{
    descriptor_close(stage->fd);
    descriptor_close(stage->lock);
    descriptor_close(stage->folder);
    *stage = (struct stage)STAGE_NONE;
}

static int stage_failure(int error)
{
    return error == EWOULDBLOCK || error == EEXIST ? -REASON_BUSY : library_own_failure(error);
}

/*
 * Does the stage's name still lead to the file that was locked? Between the two another session may
 * have put its own in its place. With the lock it stays: whoever would remove it locks it first.
 */
static bool is_named(const struct stage *stage, int locked)
{
    return descriptor_is_named(locked, stage->folder, stage->id);
}

/*
 * Judges a stage that was locked, and may be another upload's, swept, sealed or linked. One that
 * nothing can be done with any more goes. Returns 0 or a reason.
 */
static int judge_left(const struct stage *stage, const struct stage_plan *plan)
{
    struct stat status;

    if (!is_named(stage, stage->lock))
        return -REASON_NOT_FOUND;
    if (fstat(stage->lock, &status) < 0)
        return -REASON_INTERNAL;
    bool is_sealed = (status.st_mode & S_IWUSR) == 0 || status.st_nlink > 1;
    int code = is_sealed ? -REASON_NOT_FOUND : judge_plan(stage->lock, plan);
    if (code == -REASON_NOT_FOUND && unlinkat(stage->folder, stage->id, 0) < 0)
        return stage_failure(errno);
    return code;
}

/* Opens a stage, which is not sealed, for writing behind its last byte. Returns 0 or -1. */
static int go_on(struct stage *stage, const struct stage_plan *plan)
{
    struct stat locked;
    struct stat status;

    stage->fd = openat(stage->folder, stage->id, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (stage->fd < 0 || fstat(stage->lock, &locked) < 0 || fsync(stage->fd) < 0 ||
        fstat(stage->fd, &status) < 0)
        return -1;
    if (status.st_ino != locked.st_ino || status.st_dev != locked.st_dev) {
        errno = EWOULDBLOCK;
        return -1;
    }
    stage->length = status.st_size;
    if (lseek(stage->fd, 0, SEEK_END) < 0)
        return -1;
    return keep_room(stage->fd, plan->size);
}

int stage_open(struct stage *stage, const struct library *library, const char *client,
               const struct stage_plan *plan)
{
    *stage = (struct stage){.fd = -1, .lock = -1, .folder = open_folder(library, client)};
    if (plan->id != NULL)
        memcpy(stage->id, plan->id, sizeof stage->id);
    if (stage->folder < 0 || (plan->id == NULL && hex_random(UPLOAD_ID_LENGTH, stage->id) < 0))
        goto fail;
    stage->fd = openat(stage->folder, stage->id, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       STAGE_MODE);
    if (stage->fd < 0 || flock(stage->fd, LOCK_EX | LOCK_NB) < 0)
        goto fail;
    if (!is_named(stage, stage->fd)) {
        errno = EWOULDBLOCK;
        goto fail;
    }
    if (keep_plan(stage->fd, plan) == 0 && keep_room(stage->fd, plan->size) == 0)
        return 0;
    (void)unlinkat(stage->folder, stage->id, 0);
fail:;
    int error = errno;
    leave(stage);
    errno = error;
    return stage_failure(error);
}

int stage_resume(struct stage *stage, const struct library *library, const char *client,
                 const struct stage_plan *plan)
{
    int code = -REASON_NOT_FOUND;

    *stage = (struct stage){.fd = -1, .lock = -1, .folder = open_folder(library, client)};
    memcpy(stage->id, plan->id, sizeof stage->id);
    if (stage->folder < 0)
        return stage_failure(errno);
    stage->lock = openat(stage->folder, stage->id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (stage->lock >= 0)
        code = flock(stage->lock, LOCK_EX | LOCK_NB) < 0 ? stage_failure(errno)
                                                         : judge_left(stage, plan);
    else if (errno != ENOENT)
        code = stage_failure(errno);
    if (code == 0 && go_on(stage, plan) < 0) {
        code = stage_failure(errno);
        /* What a first fsync(2) has failed to write, a second one would not. */
        if (code == -REASON_INTERNAL)
            (void)unlinkat(stage->folder, stage->id, 0);
    }
    if (code < 0)
        leave(stage);
    return code;
}

int stage_hash(const struct stage *stage, struct digest *digest)
{
    return digest_add_file(digest, stage->fd) == stage->length ? 0 : -REASON_INTERNAL;
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
        stage->length += wrote;
    }
    return 0;
}

int stage_seal(struct stage *stage, const struct library *library, struct record *record)
{
    struct stat status;

    if (futimens(stage->fd, NULL) < 0 || fstat(stage->fd, &status) < 0)
        return library_failure(errno);
    if (status.st_size != record->size)
        return -REASON_INTERNAL;
    record->mtime = status.st_mtim;
    int code = library->records ? record_write(stage->fd, record) : 0;
    if (code < 0)
        return code;
    /* A failed fsync is final: a second one may succeed although the bytes are gone. */
    if (fchmod(stage->fd, STORED_MODE) < 0 || fsync(stage->fd) < 0)
        return library_failure(errno);
    return 0;
}

void stage_close(struct stage *stage)
{
    if (stage->fd >= 0 && !stage->moved)
        (void)unlinkat(stage->folder, stage->id, 0);
    leave(stage);
}

void stage_keep(struct stage *stage)
{
    if (stage->fd >= 0)
        (void)!ftruncate(stage->fd, stage->length);
    leave(stage);
}

void stage_measure(const struct library *library, const char *client, struct stage_usage *ret)
{
    *ret = (struct stage_usage){.count = 0};
    if (client == NULL) {
        visit_all(library, add_usage, ret);
        return;
    }
    int stages = library_openat(library, LIBRARY_STAGE, O_PATH | O_DIRECTORY);
    if (stages >= 0)
        visit_client(stages, client, add_usage, ret);
    descriptor_close(stages);
}

struct sweep {
    time_t before; /* stages that were written to since then stay */
    uint64_t removed;
};

static void sweep_one(void *context, int folder, const char *id, const struct stat *status)
{
    struct sweep *sweep = context;
    struct stat locked;

    if (status->st_mtime >= sweep->before)
        return;
    int fd = openat(folder, id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    /*
     * A session that resumes an upload holds the lock of its stage while it puts another file in
     * its place. Once the lock is ours the name stays, so that it is checked again only now.
     */
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &locked) == 0 &&
        locked.st_mtime < sweep->before && descriptor_is_named(fd, folder, id) &&
        unlinkat(folder, id, 0) == 0)
        sweep->removed++;
    descriptor_close(fd);
}

uint64_t stage_sweep(const struct library *library, int64_t age_ms)
{
    struct sweep sweep = {.before = time(NULL) - (time_t)(age_ms / 1000)};

    visit_all(library, sweep_one, &sweep);
    return sweep.removed;
}
