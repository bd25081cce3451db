#include "cli/target.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"

/* The temporary file of this moment, for the signal handler: there is one at a time. */
static volatile sig_atomic_t is_pending;
static int pending_folder;
static char pending_name[TARGET_TEMPORARY_ROOM];

static void remove_and_die(int number)
{
    if (is_pending)
        (void)unlinkat(pending_folder, pending_name, 0);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void note_temporary(const struct target *target)
{
    pending_folder = target->folder;
    memcpy(pending_name, target->temporary, sizeof pending_name);
    is_pending = 1;
}

static void forget_temporary(struct target *target)
{
    is_pending = 0;
    target->temporary[0] = '\0';
}

static int open_folder(const char *path, const char *last)
{
    if (last == path)
        return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *folder = strndup(path, (size_t)(last - path));
    if (folder == NULL)
        return -1;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = errno;
    free(folder);
    errno = error;
    return fd;
}

static int make_temporary(struct target *target)
{
    unsigned long long random = 0;
    sigset_t all;
    sigset_t before;

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return -1;
    (void)snprintf(target->temporary, sizeof target->temporary, ".fsc-%016llx", random);
    /* No signal may come between the file and the note of it. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    int fd = openat(target->folder, target->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int error = errno;
    if (fd >= 0)
        note_temporary(target);
    else
        target->temporary[0] = '\0';
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return fd;
}

/* Gives the temporary file its name. Returns 0, or -1 with errno set, EEXIST for a taken name. */
static int give_name(struct target *target, bool force)
{
    if (force)
        return renameat(target->folder, target->temporary, target->folder, target->last);
    if (linkat(target->folder, target->temporary, target->folder, target->last, 0) == 0)
        return unlinkat(target->folder, target->temporary, 0);
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
        return -1;
    /* A file system without hard links. */
    return renameat2(target->folder, target->temporary, target->folder, target->last,
                     RENAME_NOREPLACE);
}

/* Another file has appeared under the name meanwhile. */
static int compare(const struct target *target, const char digest[DIGEST_ROOM])
{
    enum target_kind kind = TARGET_FREE;
    char there[DIGEST_ROOM] = "";
    int64_t size = 0;
    int code = target_look(target->path, true, &kind, &size, there);

    if (code < 0 || strcmp(there, digest) == 0)
        return code;
    return complain(REASON_EXISTS, target->path, "a file with other bytes is there");
}

int target_look(const char *path, bool hash, enum target_kind *ret, int64_t *ret_size,
                char ret_digest[DIGEST_ROOM])
{
    struct stat status;

    *ret = TARGET_FREE;
    if (stat(path, &status) < 0)
        return errno == ENOENT ? 0 : complain_errno(REASON_LOCAL, path, "cannot write");
    if (S_ISDIR(status.st_mode))
        return complain(REASON_LOCAL, path, "it is a folder");
    *ret = S_ISREG(status.st_mode) ? TARGET_FILE : TARGET_DEVICE;
    if (*ret == TARGET_DEVICE || !hash)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *ret_size = fd >= 0 ? digest_of_file(fd, ret_digest) : -1;
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = error;
    return *ret_size >= 0 ? 0 : complain_errno(REASON_LOCAL, path, "cannot read what is there");
}

int target_open(struct target *target, const char *path, enum target_kind kind)
{
    const char *slash = strrchr(path, '/');

    *target = (struct target){
        .path = path, .last = slash != NULL ? slash + 1 : path, .folder = -1, .fd = -1};
    if (kind == TARGET_DEVICE) {
        target->fd = open(path, O_WRONLY | O_CLOEXEC);
    } else {
        target->folder = open_folder(path, target->last);
        if (target->folder >= 0)
            target->fd = make_temporary(target);
    }
    if (target->fd >= 0)
        return 0;
    int code = complain_errno(REASON_LOCAL, path, "cannot write");
    target_close(target);
    return code;
}

int target_commit(struct target *target, bool force, const char digest[DIGEST_ROOM])
{
    if (target->temporary[0] == '\0')
        return 0;
    if (fsync(target->fd) < 0)
        return complain_errno(REASON_LOCAL, target->path, "cannot make it durable");
    if (give_name(target, force) < 0)
        return errno == EEXIST ? compare(target, digest)
                               : complain_errno(REASON_LOCAL, target->path, "cannot write");
    forget_temporary(target);
    if (fsync(target->folder) < 0)
        return complain_errno(REASON_LOCAL, target->path, "cannot make it durable");
    return 0;
}

void target_close(struct target *target)
{
    if (target->temporary[0] != '\0')
        (void)unlinkat(target->folder, target->temporary, 0);
    forget_temporary(target);
    if (target->fd >= 0)
        (void)close(target->fd);
    if (target->folder >= 0)
        (void)close(target->folder);
    target->fd = target->folder = -1;
}

void target_catch_signals(void)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGQUIT, SIGXCPU, SIGXFSZ};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction action;
        /* One that was ignored at the start stays ignored, as under nohup(1). */
        if (sigaction(numbers[i], NULL, &action) < 0 || action.sa_handler == SIG_IGN)
            continue;
        action = (struct sigaction){.sa_handler = remove_and_die};
        (void)sigfillset(&action.sa_mask);
        (void)sigaction(numbers[i], &action, NULL);
    }
}
