#include "cli/upload_id.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "cli/user_folder.h"
#include "protocol/descriptor.h"
#include "protocol/digest.h"
#include "protocol/hex.h"

#define VARIABLE "XDG_STATE_HOME"
#define FALLBACK ".local/state"
#define FOLDER   "fsc/uploads"

enum {
    FOLDERS = 4,            /* how many may have to be made: those of FALLBACK and FOLDER */
    KEPT_S = 8 * 24 * 3600, /* longer than servers keep uploads, by default */
    TRIES = 10,             /* how often a file may be removed while it is opened */
    FLAGS = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
};

static bool is_hex(const char *text, size_t length)
{
    return strlen(text) == length && hex_is_valid(text, length);
}

/* Opens and locks a file. Returns -1 if another process has it locked, or it cannot be opened. */
static int open_locked(const char *path)
{
    for (int tries = 0; tries < TRIES; tries++) {
        int fd = open(path, FLAGS | O_CREAT, 0600);
        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            (void)close(fd);
            return -1;
        }
        /* The process that had it locked may have removed it. */
        if (descriptor_is_named(fd, AT_FDCWD, path))
            return fd;
        (void)close(fd);
    }
    return -1;
}

/* Reads the id that is kept in the file. Returns false if there is no valid one. */
static bool recall(struct upload_id *id)
{
    char line[UPLOAD_ID_LENGTH + 2] = "";

    if (pread(id->fd, line, sizeof line, 0) != UPLOAD_ID_LENGTH + 1 ||
        line[UPLOAD_ID_LENGTH] != '\n')
        return false;
    line[UPLOAD_ID_LENGTH] = '\0';
    if (!is_hex(line, UPLOAD_ID_LENGTH))
        return false;
    memcpy(id->text, line, sizeof id->text);
    /* It is used again, so not stale. */
    (void)futimens(id->fd, NULL);
    return true;
}

static bool is_stale(const struct stat *status)
{
    return S_ISREG(status->st_mode) && time(NULL) - status->st_mtim.tv_sec > KEPT_S;
}

/* Removes the files that nobody uses now or has used for a long time. */
static void sweep(const char *path)
{
    DIR *folder = opendir(path);

    for (struct dirent *entry = NULL; folder != NULL && (entry = readdir(folder)) != NULL;) {
        const char *name = entry->d_name;
        struct stat status;
        int fd = -1;
        if (!is_hex(name, DIGEST_LENGTH - strlen("sha256:")))
            continue;
        if (fstatat(dirfd(folder), name, &status, AT_SYMLINK_NOFOLLOW) == 0 && is_stale(&status))
            fd = openat(dirfd(folder), name, FLAGS);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &status) == 0 &&
            is_stale(&status))
            (void)unlinkat(dirfd(folder), name, 0);
        descriptor_close(fd);
    }
    if (folder != NULL)
        (void)closedir(folder);
}

void upload_id_take(struct upload_id *id, const char *server, const char *name,
                    const struct stat *status)
{
    char folder[PATH_MAX];
    char text[128];
    char below[sizeof FOLDER + DIGEST_ROOM];
    char made[DIGEST_ROOM];
    struct digest digest;
    int length =
        snprintf(text, sizeof text, "%llu %llu %lld %lld.%09ld", (unsigned long long)status->st_dev,
                 (unsigned long long)status->st_ino, (long long)status->st_size,
                 (long long)status->st_mtim.tv_sec, status->st_mtim.tv_nsec);

    /* The file is called after a digest, which hides the name. */
    digest_begin(&digest);
    digest_add(&digest, server, strlen(server) + 1);
    digest_add(&digest, name, strlen(name) + 1);
    digest_add(&digest, text, (size_t)length);
    digest_finish(&digest, made);
    (void)snprintf(below, sizeof below, FOLDER "/%s", digest_hex(made));

    *id = (struct upload_id){.fd = -1};
    if (user_folder_find_own(folder, VARIABLE, FALLBACK, FOLDER) &&
        user_folder_find_own(id->path, VARIABLE, FALLBACK, below)) {
        user_folder_make(id->path, FOLDERS);
        id->fd = open_locked(id->path);
    }
    id->is_recalled = id->fd >= 0 && recall(id);
    if (id->is_recalled)
        return;
    (void)hex_random(UPLOAD_ID_LENGTH, id->text);
    length = snprintf(text, sizeof text, "%s\n", id->text);
    if (id->fd >= 0 && ftruncate(id->fd, 0) == 0 &&
        pwrite(id->fd, text, (size_t)length, 0) == length)
        sweep(folder);
    else
        upload_id_release(id, true);
}

void upload_id_release(struct upload_id *id, bool done)
{
    /* While it is still locked, so that no other run takes a finished id. */
    if (id->fd >= 0 && done && unlink(id->path) < 0)
        (void)!ftruncate(id->fd, 0);
    descriptor_close(id->fd);
    id->fd = -1;
}
