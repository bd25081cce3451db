#include "daemon/store/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/hex.h"

enum {
    STAGE_MODE = 0600,
    STORED_MODE = 0440,           /* nobody writes to a stored file */
    PLAN_ROOM = DIGEST_ROOM + 40, /* a record is longer */
    BLOCK = 512,                  /* bytes of what st_blocks counts (stat(3type)) */
    LOCK_MS = 10000,              /* how long to wait for other sessions of the client */
    LOCK_PAUSE_MS = 20,           /* at most before the next try */
};

/* Opens the folder of a client's stages, and makes it if that is asked for and it is missing. */
static int open_folder(const struct library *library, const char *client, bool make)
{
    int stages = library_open_own(library, LIBRARY_STAGE);
    int fd = stages < 0 ? -1 : library_open_folder(library, stages, client, make);

    descriptor_close(stages);
    return fd;
}

/*
 * Called for each stage, with its folder, its name there and its status; and with the name of a
 * client, a status of NULL and errno if the stages of that client cannot be read.
 */
typedef void stage_visit(void *context, int folder, const char *id, const struct stat *status);

static void add_usage(void *context, int folder, const char *id, const struct stat *status)
{
    struct stage_usage *usage = context;

    (void)folder;
    (void)id;
    if (status == NULL) {
        usage->unreadable++;
        return;
    }
    if (status->st_nlink > 1) {
        usage->linked++;
        return;
    }
    int64_t room = (int64_t)status->st_blocks * BLOCK;
    usage->count++;
    usage->bytes += (uint64_t)status->st_size;
    usage->room += (uint64_t)(status->st_size > room ? status->st_size : room);
}

/* Visits the stages of one client. */
static void visit_client(const struct library *library, int at, const char *client,
                         stage_visit *visit, void *context)
{
    DIR *stages = descriptor_read_folder(library_open_folder(library, at, client, false));
    const struct dirent *entry = NULL;
    struct stat status;

    if (stages == NULL && errno != ENOENT && errno != ENOTDIR)
        visit(context, -1, client, NULL);
    while (stages != NULL && (entry = readdir(stages)) != NULL) {
        if (fstatat(dirfd(stages), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode))
            visit(context, dirfd(stages), entry->d_name, &status);
    }
    if (stages != NULL)
        (void)closedir(stages);
}

/* Visits the stages of all clients. */
static void visit_all(const struct library *library, stage_visit *visit, void *context)
{
    DIR *clients = descriptor_read_folder(library_open_own(library, LIBRARY_STAGE));
    const struct dirent *entry = NULL;

    while (clients != NULL && (entry = readdir(clients)) != NULL) {
        if (entry->d_name[0] != '.')
            visit_client(library, dirfd(clients), entry->d_name, visit, context);
    }
    if (clients != NULL)
        (void)closedir(clients);
}

/*
 * Writes what belongs to an id: the size, and the digest of the name, since xattrs have little
 * room. It is kept in the xattr that will hold the record.
 */
static void write_plan(const struct stage_plan *plan, char text[PLAN_ROOM])
{
    char name[DIGEST_ROOM];

    (void)snprintf(text, PLAN_ROOM, "size=%lld name=%s", (long long)plan->size,
                   digest_of_bytes(plan->name, strlen(plan->name), name));
}

/* Closes the descriptors, and leaves the file as it is. Keeps errno. */
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
 * Checks a stage that was found and locked. It may belong to another upload, or have been swept,
 * sealed or linked meanwhile; one that is no longer useful is removed. Returns 0 or a reason.
 */
static int check_found(const struct stage *stage, const struct library *library,
                       const struct stage_plan *plan)
{
    struct stat status;
    char expected[PLAN_ROOM];
    char text[PLAN_ROOM];

    /*
     * Another session may have put its own file there before the lock was ours. From now on the name
     * stays: only the holder of the lock may remove it.
     */
    if (!descriptor_is_named(stage->lock, stage->folder, stage->id))
        return -REASON_NOT_FOUND;
    if (fstat(stage->lock, &status) < 0)
        return -REASON_INTERNAL;
    if (!S_ISREG(status.st_mode) || !library_is_closed(library, &status)) {
        errno = EPERM;
        return -REASON_UNAVAILABLE;
    }
    ssize_t length = fgetxattr(stage->lock, RECORD_XATTR, text, sizeof text);
    bool is_sealed = (status.st_mode & S_IWUSR) == 0 || status.st_nlink > 1;
    if (is_sealed || length < 0)
        return unlinkat(stage->folder, stage->id, 0) < 0 ? stage_failure(errno) : -REASON_NOT_FOUND;
    write_plan(plan, expected);
    bool is_ours =
        (size_t)length == strlen(expected) && memcmp(text, expected, (size_t)length) == 0;
    return is_ours ? 0 : -REASON_MISMATCH;
}

int stage_lock(const struct library *library, const char *client)
{
    const int64_t until = clock_ms() + LOCK_MS;
    int fd = open_folder(library, client, true);

    if (fd < 0)
        return stage_failure(errno);
    /* The holder looks at memory and some names only: it is often over before the first pause. */
    for (int pause = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; pause++) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || clock_ms() >= until) {
            descriptor_close(fd);
            return stage_failure(errno);
        }
        if (pause == 0)
            (void)sched_yield();
        else
            (void)poll(NULL, 0, pause < LOCK_PAUSE_MS ? pause : LOCK_PAUSE_MS);
    }
    return fd;
}

void stage_unlock(int lock)
{
    (void)flock(lock, LOCK_UN);
    descriptor_close(lock);
}

int stage_open(struct stage *stage, const struct library *library, const char *client,
               const struct stage_plan *plan)
{
    char text[PLAN_ROOM];

    *stage = (struct stage){.fd = -1, .lock = -1, .folder = open_folder(library, client, true)};
    if (plan->id != NULL)
        memcpy(stage->id, plan->id, sizeof stage->id);
    if (stage->folder < 0 || (plan->id == NULL && hex_random(UPLOAD_ID_LENGTH, stage->id) < 0))
        goto fail;
    stage->fd = openat(stage->folder, stage->id, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       STAGE_MODE);
    if (stage->fd < 0 || flock(stage->fd, LOCK_EX | LOCK_NB) < 0)
        goto fail;
    /* A sweeper, or a session that resumes, may have removed it before the lock was ours. */
    if (!descriptor_is_named(stage->fd, stage->folder, stage->id)) {
        errno = EWOULDBLOCK;
        goto fail;
    }
    bool is_kept = plan->id == NULL;
    if (plan->id != NULL) {
        write_plan(plan, text);
        is_kept = fsetxattr(stage->fd, RECORD_XATTR, text, strlen(text), 0) == 0;
    }
    if (is_kept)
        return 0;
    int error = errno;
    (void)unlinkat(stage->folder, stage->id, 0);
    errno = error;
fail:
    leave(stage);
    return stage_failure(errno);
}

int stage_resume(struct stage *stage, const struct library *library, const char *client,
                 const struct stage_plan *plan)
{
    struct stat locked;
    struct stat status;
    int code = 0;

    *stage = (struct stage){.fd = -1, .lock = -1, .folder = open_folder(library, client, false)};
    memcpy(stage->id, plan->id, sizeof stage->id);
    /* In one that others could have made there is none, and cannot be one. */
    if (stage->folder < 0)
        return errno == ENOENT || errno == EPERM ? -REASON_NOT_FOUND : stage_failure(errno);
    stage->lock = openat(stage->folder, stage->id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (stage->lock < 0)
        code = errno == ENOENT ? -REASON_NOT_FOUND : stage_failure(errno);
    else if (flock(stage->lock, LOCK_EX | LOCK_NB) < 0)
        code = stage_failure(errno);
    else
        code = check_found(stage, library, plan);

    /* Opens it to write after its last byte. */
    if (code == 0) {
        stage->fd = openat(stage->folder, stage->id, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        bool is_open = stage->fd >= 0 && fstat(stage->lock, &locked) == 0 &&
                       fsync(stage->fd) == 0 && fstat(stage->fd, &status) == 0;
        if (is_open && !descriptor_is_same(&status, &locked))
            code = -REASON_BUSY;
        if (is_open)
            stage->bytes = (struct sparse){.length = status.st_size, .written = status.st_size};
        if (code == 0 && !is_open)
            code = stage_failure(errno);
        /* A second fsync(2) would not write what the first one failed to write. */
        if (code == -REASON_INTERNAL)
            (void)unlinkat(stage->folder, stage->id, 0);
    }
    if (code < 0)
        leave(stage);
    return code;
}

int stage_reserve(struct stage *stage, int64_t size)
{
    stage->bytes.size = size;
    if (sparse_reserve(&stage->bytes, stage->fd) == 0)
        return 0;
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? library_failure(errno) : 0;
}

int64_t stage_missing(const struct stage *stage, int64_t end)
{
    int64_t there =
        stage->bytes.written > stage->bytes.reserved ? stage->bytes.written : stage->bytes.reserved;

    return end > there ? end - there : 0;
}

int stage_hash(const struct stage *stage, struct digest *digest, const atomic_bool *cancelled)
{
    int64_t length = digest_add_file(digest, stage->fd, cancelled);

    if (length < 0)
        return library_failure(errno);
    return length == stage->bytes.length ? 0 : -REASON_INTERNAL;
}

int stage_write(struct stage *stage, const char *bytes, size_t length)
{
    return sparse_write(&stage->bytes, stage->fd, bytes, length) < 0 ? library_failure(errno) : 0;
}

int stage_seal(struct stage *stage, const struct library *library, struct record *record)
{
    struct stat status;

    if (sparse_finish(&stage->bytes, stage->fd) < 0 || futimens(stage->fd, NULL) < 0 ||
        fstat(stage->fd, &status) < 0)
        return library_failure(errno);
    if (status.st_size != record->size)
        return -REASON_INTERNAL;
    record->mtime = status.st_mtim;
    int code = library->records ? record_write(stage->fd, record) : 0;
    if (code < 0)
        return code;
    /* A failed fsync(2) is final: a second one may succeed although the bytes are lost. */
    if (fchmod(stage->fd, STORED_MODE) < 0 || fsync(stage->fd) < 0)
        return library_failure(errno);
    return 0;
}

int stage_link(const struct stage *stage, int folder, const char *name)
{
    char path[DESCRIPTOR_PATH_ROOM];

    if (linkat(AT_FDCWD, descriptor_path(stage->fd, path), folder, name, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    /* There may be no /proc, or a sandbox or file system that does not allow this. */
    if (library_failure(errno) != -REASON_NOT_FOUND && !descriptor_lacks_call(errno))
        return -1;
    if (!descriptor_is_named(stage->fd, stage->folder, stage->id)) {
        errno = ENOENT;
        return -1;
    }
    return linkat(stage->folder, stage->id, folder, name, 0);
}

void stage_close(struct stage *stage)
{
    if (stage->fd >= 0 && !stage->moved)
        (void)unlinkat(stage->folder, stage->id, 0);
    leave(stage);
}

void stage_keep(struct stage *stage)
{
    /* The second one is for what was reserved after its end. */
    if (stage->fd >= 0 && sparse_finish(&stage->bytes, stage->fd) == 0)
        (void)!ftruncate(stage->fd, stage->bytes.length);
    leave(stage);
}

void stage_measure(const struct library *library, const char *client, struct stage_usage *ret)
{
    *ret = (struct stage_usage){.count = 0};
    if (client == NULL) {
        visit_all(library, add_usage, ret);
        return;
    }
    int stages = library_open_own(library, LIBRARY_STAGE);
    if (stages >= 0)
        visit_client(library, stages, client, add_usage, ret);
    descriptor_close(stages);
}

struct sweep {
    time_t before; /* stages that were written to since then stay */
    struct stage_swept *swept;
};

static void sweep_one(void *context, int folder, const char *id, const struct stat *status)
{
    struct sweep *sweep = context;
    struct stat locked;

    if (status == NULL && sweep->swept->unreadable[0] == '\0') {
        sweep->swept->error = errno;
        (void)snprintf(sweep->swept->unreadable, sizeof sweep->swept->unreadable, "%s", id);
    }
    if (status == NULL || status->st_mtime >= sweep->before)
        return;
    int fd = openat(folder, id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    /*
     * A session that resumes an upload holds the lock of its stage while it puts another file in
     * its place. Once the lock is ours the name stays, so that it is checked again only now.
     */
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &locked) == 0 &&
        S_ISREG(locked.st_mode) && locked.st_mtime < sweep->before &&
        descriptor_is_named(fd, folder, id) && unlinkat(folder, id, 0) == 0)
        sweep->swept->removed++;
    descriptor_close(fd);
}

void stage_sweep(const struct library *library, int64_t age_ms, struct stage_swept *ret)
{
    struct sweep sweep = {.before = time(NULL) - (time_t)(age_ms / 1000), .swept = ret};

    *ret = (struct stage_swept){.removed = 0};
    visit_all(library, sweep_one, &sweep);
}
