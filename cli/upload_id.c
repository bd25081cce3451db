#include "cli/upload_id.h"

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

enum {
    KEPT_S = 8 * 24 * 3600, /* longer than servers keep uploads, by default */
    TRIES = 10,             /* how often a file may be removed while it is opened */
    FLAGS = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
};

static bool is_hex(const char *text, size_t length)
{
    return strlen(text) == length && hex_is_valid(text, length);
}

/* Opens and locks a file of this user. Returns -1 if that fails, or another process has it locked. */
static int open_locked(int folder, const char *name)
{
    struct stat status;

    for (int tries = 0; tries < TRIES; tries++) {
        int fd = openat(folder, name, FLAGS | O_CREAT, 0600);
        if (fd < 0)
            return -1;
        if (fstat(fd, &status) < 0 || status.st_uid != geteuid() ||
            flock(fd, LOCK_EX | LOCK_NB) < 0) {
            (void)close(fd);
            return -1;
        }
        /* The process that had it locked may have removed it. */
        if (descriptor_is_named(fd, folder, name))
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
static void sweep(int place)
{
    DIR *folder = descriptor_read_folder(openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

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
    char text[128];
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

    *id = (struct upload_id){.fd = -1};
    id->folder = user_folder_open("XDG_STATE_HOME", ".local/state", "fsc/uploads");
    (void)snprintf(id->file, sizeof id->file, "%s", digest_hex(made));
    if (id->folder >= 0)
        id->fd = open_locked(id->folder, id->file);
    id->is_recalled = id->fd >= 0 && recall(id);
    if (id->is_recalled)
        return;
    (void)hex_random(UPLOAD_ID_LENGTH, id->text);
    length = snprintf(text, sizeof text, "%s\n", id->text);
    if (id->fd >= 0 && ftruncate(id->fd, 0) == 0 &&
        pwrite(id->fd, text, (size_t)length, 0) == length)
        sweep(id->folder);
    else
        upload_id_release(id, true);
}

void upload_id_make(struct upload_id *id)
{
    *id = (struct upload_id){.fd = -1, .folder = -1};
    (void)hex_random(UPLOAD_ID_LENGTH, id->text);
}

void upload_id_release(struct upload_id *id, bool done)
{
    /* While it is still locked, so that no other run takes a finished id. */
    if (id->fd >= 0 && done && unlinkat(id->folder, id->file, 0) < 0)
        (void)!ftruncate(id->fd, 0);
    descriptor_close(id->fd);
    descriptor_close(id->folder);
    id->fd = id->folder = -1;
}
