#include "daemon/scrub/scrub.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/scrub/reader.h"
#include "daemon/store/folder.h"
#include "daemon/store/list.h"
#include "daemon/store/lookup.h"
#include "daemon/store/quarantine.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"
#include "protocol/utf8.h"
#include "settings/quantity.h"

enum {
    LINE_ROOM = 8192,
    READINGS = 2,       /* before a file is called damaged */
    TIMES_DIFFER_S = 2, /* on any file system, writes that are so far apart give different mtimes */
};

/* The user who owns the library's .fsd, or the library where there is none yet. */
struct owner {
    bool is_other; /* this process is root, and the owner is not */
    uid_t uid;
    gid_t gid;
};

struct scrub {
    const struct scrub_plan *plan;
    struct owner owner;
    struct library library;
    struct reader reader;
    uint64_t whole;      /* files that are as their records say */
    uint64_t damaged;    /* that are not, or cannot be read */
    uint64_t moved;      /* of these, to quarantine */
    uint64_t recorded;   /* that got a record */
    uint64_t unrecorded; /* that have none */
    uint64_t by_hand;    /* whose record has another size or mtime */
    uint64_t changed;    /* that changed, or went, while they were read */
    uint64_t failures;
};

void scrub_print_error(const char *subject, const char *message)
{
    char line[LINE_ROOM];
    char clean[LINE_ROOM];

    (void)snprintf(line, sizeof line, "%s: %s", subject, message);
    (void)utf8_clean(line, strlen(line), clean, sizeof clean);
    (void)fprintf(stderr, "fsd-scrub: %s\n", clean);
}

/* Prints and counts a failure, after which the run continues. `error` is an errno, or 0. */
static int fail(struct scrub *scrub, const char *subject, const char *what, int error)
{
    char message[256];

    (void)snprintf(message, sizeof message, "%s%s%s", what, error != 0 ? ": " : "",
                   error != 0 ? strerror(error) : "");
    reader_clear_line(&scrub->reader);
    scrub_print_error(subject, message);
    scrub->failures++;
    return 0;
}

static void stop_being_owner(const struct owner *owner)
{
    if (owner->is_other && (seteuid(0) < 0 || setegid(0) < 0))
        abort();
}

/* Root becomes the owner, until stop_being_owner(). Returns 0, or -1 with errno set. */
static int become_owner(const struct owner *owner)
{
    if (!owner->is_other || (setegid(owner->gid) == 0 && seteuid(owner->uid) == 0))
        return 0;
    stop_being_owner(owner);
    return -1;
}

/*
 * For good: while root is the owner, its groups would let it do what the owner may not. Those of the
 * owner take their place. Returns 0, or -1 with errno set.
 */
static int take_groups(const struct owner *owner)
{
    const struct passwd *user = owner->is_other ? getpwuid(owner->uid) : NULL;

    if (user != NULL)
        return initgroups(user->pw_name, owner->gid);
    return owner->is_other ? setgroups(0, NULL) : 0;
}

/* Is the file that was opened unchanged, and still the one with this name? */
static bool is_there(const struct scrub *scrub, const char *name, const struct stored *stored)
{
    int folder = folder_open_above(&scrub->library, name, O_PATH);
    bool is = folder >= 0 && descriptor_is_named(stored->fd, folder, name_last_component(name)) &&
              !lookup_has_changed(stored);

    descriptor_close(folder);
    return is;
}

static void quarantine(struct scrub *scrub, const char *name, const struct stored *stored)
{
    int code = quarantine_label(stored, name);

    if (code == 0)
        code = become_owner(&scrub->owner) < 0 ? -REASON_INTERNAL
                                               : quarantine_move(&scrub->library, name, stored);
    int error = errno;
    stop_being_owner(&scrub->owner);
    if (code == 0)
        scrub->moved++;
    else if (code == -REASON_NOT_FOUND)
        scrub->changed++;
    else if (code == -REASON_BUSY)
        (void)fail(scrub, name, "cannot move to quarantine: a session has locked the name", 0);
    else if (code == -REASON_EXISTS)
        (void)fail(scrub, name, "cannot move to quarantine: it has another name (a hard link)", 0);
    else
        (void)fail(scrub, name, "cannot move to quarantine", error);
}

/* Compares a file with its record. */
static void compare(struct scrub *scrub, const char *name, const struct stored *stored)
{
    char found[DIGEST_ROOM];
    bool is_whole = false;
    int error = 0;

    /* A cable or memory may fail once. */
    for (int tries = 0; !is_whole && tries < READINGS; tries++) {
        int64_t length = reader_digest(&scrub->reader, stored->fd, stored->status.st_size, found);
        error = length < 0 ? errno : 0;
        is_whole = length == stored->record.size && strcmp(found, stored->record.digest) == 0;
    }
    if (is_whole) {
        scrub->whole++;
        return;
    }
    if (!is_there(scrub, name, stored)) {
        scrub->changed++;
        return;
    }
    /* Only these errors of the disk say that it is this file that is damaged. */
    if (error != 0 && error != EIO && error != ENODATA && error != EILSEQ && error != EBADMSG &&
        error != EUCLEAN) {
        (void)fail(scrub, name, "cannot read", error);
        return;
    }
    scrub->damaged++;
    reader_clear_line(&scrub->reader);
    int code = error != 0 ? printf("%s: damaged: cannot be read: %s\n", name, strerror(error))
                          : printf("%s: damaged: %s is recorded, %s found\n", name,
                                   stored->record.digest, found);
    /* A run may take a day: the reader wants to know at once. */
    if (code < 0 || fflush(stdout) != 0)
        (void)fail(scrub, "standard output", "cannot write", errno);
    if (scrub->plan->quarantine)
        quarantine(scrub, name, stored);
}

static bool is_recent(const struct timespec *then)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec >= then->tv_sec && now.tv_sec < then->tv_sec + TIMES_DIFFER_S;
}

static void give_record(struct scrub *scrub, const char *name, const struct stored *stored)
{
    struct record record = {
        .size = stored->status.st_size, .mtime = stored->status.st_mtim, .by = "scrub"};
    const struct timespec pause = {.tv_nsec = 100000000};

    if (record.mtime.tv_sec < 0) {
        (void)fail(scrub, name, "cannot give it a record: its mtime is before 1970", 0);
        return;
    }

    /*
     * Wait until any further write must change the file's mtime, or its ctime if the mtime is put
     * back. Otherwise the record would also be believed for bytes that were written later.
     */
    while (is_recent(&stored->status.st_mtim) || is_recent(&stored->status.st_ctim))
        (void)nanosleep(&pause, NULL);

    int64_t length = reader_digest(&scrub->reader, stored->fd, record.size, record.digest);
    if (length < 0) {
        (void)fail(scrub, name, "cannot read", errno);
        return;
    }
    bool is_same = length == record.size && is_there(scrub, name, stored) &&
                   !descriptor_is_touched(stored->fd, &stored->status);
    if (is_same && (record_write(stored->fd, &record) < 0 || fsync(stored->fd) < 0))
        (void)fail(scrub, name, "cannot give it a record", errno);
    else if (!is_same || lookup_has_changed(stored))
        scrub->changed++;
    else
        scrub->recorded++;
}

static int visit(void *context, const struct list_entry *entry)
{
    struct scrub *scrub = context;
    struct stored stored;
    struct record record;
    int code = lookup_open(&scrub->library, entry->name, &stored);

    /* Gone, or something else, since it was listed. */
    if (code == -REASON_NOT_FOUND || code == -REASON_NOT_A_FILE)
        return 0;
    if (code < 0)
        return fail(scrub, entry->name, "cannot open", errno);
    if (stored.record.digest[0] == '\0')
        code = record_read(stored.fd, &stored.status, &record);
    if (code == 0)
        compare(scrub, entry->name, &stored);
    else if (code == -REASON_INTERNAL) /* this record may be damaged, and stays to be looked at */
        (void)fail(scrub, entry->name, "cannot read its record", errno);
    else if (scrub->plan->record)
        give_record(scrub, entry->name, &stored);
    else if (code == -REASON_MISMATCH)
        scrub->by_hand++;
    else
        scrub->unrecorded++;
    descriptor_close(stored.fd);
    return 0;
}

/* Adds up what there is to read, for the progress. */
static int add_size(void *context, const struct list_entry *entry)
{
    struct scrub *scrub = context;

    if (entry->record->digest[0] != '\0' || scrub->plan->record)
        scrub->reader.total += entry->status->st_size;
    return 0;
}

static int fail_to_read(void *context, const char *name)
{
    return fail(context, name, "cannot read", errno);
}

/* Opens the library, for what is planned. Returns NULL, or what is wrong, maybe in `text`. */
static const char *open_library(struct scrub *scrub, const char *path,
                                char text[LIBRARY_FAULT_ROOM])
{
    const char *fault = NULL;
    const struct scrub_plan *plan = scrub->plan;
    struct library *library = &scrub->library;
    struct stat status;
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return strerror(errno);
    int code = fstatat(root, ".fsd", &status, AT_SYMLINK_NOFOLLOW) < 0 ? fstat(root, &status) : 0;
    descriptor_close(root);
    if (code < 0)
        return strerror(errno);
    scrub->owner = (struct owner){.is_other = geteuid() == 0 && status.st_uid != 0,
                                  .uid = status.st_uid,
                                  .gid = status.st_gid};
    if (take_groups(&scrub->owner) < 0 || become_owner(&scrub->owner) < 0)
        return strerror(errno);
    bool writes = plan->quarantine || plan->record;
    if (library_open(library, path, true) < 0) {
        fault = strerror(errno);
    } else {
        code = library_prepare(library, writes, text);
        if (code == -REASON_NO_SPACE || code == -REASON_DENIED)
            fault = !writes                  ? NULL
                    : code == -REASON_DENIED ? "the library is read-only"
                                             : strerror(errno);
        else if (code < 0 && (writes || code != -REASON_UNAVAILABLE))
            fault = text; /* who only reads uses nothing that others could have made */
        if (code == 0 && plan->quarantine && quarantine_make(library) < 0)
            fault = strerror(errno);
    }
    stop_being_owner(&scrub->owner);
    return fault;
}

bool scrub_run(const char *library, const struct scrub_plan *plan)
{
    struct scrub scrub = {.plan = plan};
    struct list_query query = {.folder = plan->folder,
                               .must_be_folder = plan->must_be_folder,
                               .deep = true,
                               .context = &scrub};
    const char *target = plan->folder != NULL ? plan->folder : ".";
    struct stat status;
    char text[LIBRARY_FAULT_ROOM];
    char read[QUANTITY_ROOM];
    char number[24];

    const char *fault = open_library(&scrub, library, text);
    if (fault != NULL) {
        scrub_print_error(library, fault);
        return false;
    }
    reader_open(&scrub.reader, plan->rate);
    /* A mistyped folder must not be reported as free of damage. */
    int fd =
        library_openat(&scrub.library, target, O_PATH | (plan->must_be_folder ? O_DIRECTORY : 0));
    if (fd < 0 || fstat(fd, &status) < 0) {
        (void)fail(&scrub, target, "cannot open", errno);
    } else if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) {
        (void)fail(&scrub, target, "is neither a file nor a folder", 0);
    } else {
        /* First add up what there is to read. */
        query.details = true;
        query.entry = add_size;
        if (scrub.reader.has_progress)
            (void)list_run(&scrub.library, &query);

        query.details = false;
        query.entry = visit;
        query.unreadable = fail_to_read;
        if (list_run(&scrub.library, &query) < 0)
            (void)fail(&scrub, scrub.library.path, "cannot read the library", errno);
    }
    descriptor_close(fd);

    int64_t quarantined = quarantine_count(&scrub.library);
    (void)snprintf(number, sizeof number, "%" PRId64, quarantined);
    reader_clear_line(&scrub.reader);
    (void)fprintf(stderr,
                  "fsd-scrub: %s bytes read; files: %" PRIu64 " whole, %" PRIu64
                  " damaged, %" PRIu64 " moved to quarantine, %" PRIu64 " given a record, %" PRIu64
                  " without a record, %" PRIu64 " copied in or changed by hand, %" PRIu64
                  " changed while read; %" PRIu64 " failures; %s in quarantine\n",
                  quantity_print_human(scrub.reader.done, read), scrub.whole, scrub.damaged,
                  scrub.moved, scrub.recorded, scrub.unrecorded, scrub.by_hand, scrub.changed,
                  scrub.failures, quarantined >= 0 ? number : "?");
    reader_close(&scrub.reader);
    return scrub.damaged == 0 && scrub.failures == 0;
}
