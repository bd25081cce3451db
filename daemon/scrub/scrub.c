#include "daemon/scrub/scrub.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/scrub/progress.h"
#include "daemon/scrub/reader.h"
#include "daemon/store/folder.h"
#include "daemon/store/list.h"
#include "daemon/store/lookup.h"
#include "daemon/store/quarantine.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"
#include "protocol/utf8.h"

enum {
    LINE_ROOM = 8192,
    READINGS = 2,       /* before a file is called damaged */
    TIMES_DIFFER_S = 2, /* mtimes of two writes that are so far apart differ on any file system */
};

struct scrub {
    const struct library *library;
    const struct owner *owner;
    const struct scrub_plan *plan;
    struct reader reader;
    struct progress progress;
    uint64_t whole;      /* files that are as their records tell */
    uint64_t damaged;    /* that are not, or cannot be read */
    uint64_t moved;      /* of these, into quarantine */
    uint64_t recorded;   /* that got a record */
    uint64_t unrecorded; /* that have none */
    uint64_t by_hand;    /* whose record tells of another size or mtime */
    uint64_t changed;    /* that changed, or went, while they were read */
    uint64_t failures;
};

/* A failure is told, and the run goes on. `error` is that of a system call, or 0. */
static int fail(struct scrub *scrub, const char *subject, const char *what, int error)
{
    char fault[256];

    (void)snprintf(fault, sizeof fault, "%s%s%s", what, error != 0 ? ": " : "",
                   error != 0 ? strerror(error) : "");
    progress_hide(&scrub->progress);
    scrub_complain(subject, fault);
    scrub->failures++;
    return 0;
}

static void report_damage(struct scrub *scrub, const char *name, const struct stored *stored,
                          const char *found, int error)
{
    progress_hide(&scrub->progress);
    scrub->damaged++;
    int code = error != 0 ? printf("%s: damaged: cannot be read: %s\n", name, strerror(error))
                          : printf("%s: damaged: %s is recorded, %s found\n", name,
                                   stored->record.digest, found);
    /* Whoever reads it wants to know at once, for the run may take a day. */
    if (code < 0 || fflush(stdout) != 0)
        (void)fail(scrub, "standard output", "cannot write", errno);
}

/* Does the name still lead to the file that was opened, as it was? */
static bool is_there(const struct scrub *scrub, const char *name, const struct stored *stored)
{
    int folder = folder_open_above(scrub->library, name, O_PATH);
    bool is = folder >= 0 && descriptor_is_named(stored->fd, folder, name_last_component(name)) &&
              !lookup_has_changed(stored);

    descriptor_close(folder);
    return is;
}

static void quarantine(struct scrub *scrub, const char *name, const struct stored *stored)
{
    int code = quarantine_label(stored, name);

    if (code == 0)
        code = owner_become(scrub->owner) < 0 ? -REASON_INTERNAL
                                              : quarantine_move(scrub->library, name, stored);
    int error = errno;
    owner_leave(scrub->owner);
    if (code == 0)
        scrub->moved++;
    else if (code == -REASON_NOT_FOUND)
        scrub->changed++;
    else
        (void)fail(scrub, name,
                   code == -REASON_EXISTS ? "not moved into quarantine: it has another name, too"
                                          : "not moved into quarantine",
                   code == -REASON_EXISTS ? 0 : error);
}

/* Is it the disk that says so, of this very file? */
static bool is_damage(int error)
{
    return error == EIO || error == ENODATA || error == EILSEQ || error == EBADMSG ||
           error == EUCLEAN;
}

/* Is the content the recorded one? A cable or the memory may err once: it is read again then. */
static bool is_whole(struct scrub *scrub, const struct stored *stored, char found[DIGEST_ROOM],
                     int *ret_error)
{
    bool is = false;

    for (int tries = 0; !is && tries < READINGS; tries++) {
        int64_t length = reader_digest(&scrub->reader, stored->fd, stored->status.st_size, found);
        *ret_error = length < 0 ? errno : 0;
        is = length == stored->record.size && strcmp(found, stored->record.digest) == 0;
    }
    return is;
}

static void compare(struct scrub *scrub, const char *name, const struct stored *stored)
{
    char found[DIGEST_ROOM];
    int error = 0;

    if (is_whole(scrub, stored, found, &error)) {
        scrub->whole++;
    } else if (!is_there(scrub, name, stored)) {
        scrub->changed++;
    } else if (error != 0 && !is_damage(error)) {
        (void)fail(scrub, name, "cannot read", error);
    } else {
        report_damage(scrub, name, stored, found, error);
        if (scrub->plan->quarantine)
            quarantine(scrub, name, stored);
    }
}

/*
 * Waits until whoever writes to the file from now on gives it another mtime than it has, so that a
 * record is never believed of bytes that came later.
 */
static void let_settle(struct stored *stored)
{
    struct timespec now;
    const time_t *mtime = &stored->status.st_mtim.tv_sec;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    while (now.tv_sec >= *mtime && now.tv_sec < *mtime + TIMES_DIFFER_S) {
        const struct timespec then = {.tv_sec = *mtime + TIMES_DIFFER_S};
        (void)clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &then, NULL);
        (void)clock_gettime(CLOCK_REALTIME, &now);
    }
}

static void give_record(struct scrub *scrub, const char *name, struct stored *stored)
{
    struct record record = {
        .size = stored->status.st_size, .mtime = stored->status.st_mtim, .by = "scrub"};

    if (record.mtime.tv_sec < 0) {
        (void)fail(scrub, name, "its time, before 1970, fits into no record", 0);
        return;
    }
    let_settle(stored);
    int64_t length = reader_digest(&scrub->reader, stored->fd, record.size, record.digest);
    if (length < 0) {
        (void)fail(scrub, name, "cannot read", errno);
        return;
    }
    bool is_same = length == record.size && is_there(scrub, name, stored);
    if (is_same && (record_write(stored->fd, &record) < 0 || fsync(stored->fd) < 0))
        (void)fail(scrub, name, "cannot give it a record", errno);
    else if (!is_same || lookup_has_changed(stored))
        scrub->changed++;
    else
        scrub->recorded++;
}

/* A file that has no record to be believed. One that is itself damaged stays, to be seen. */
static void pass_over_or_record(struct scrub *scrub, const char *name, struct stored *stored)
{
    struct record record;
    int code = record_read(stored->fd, &stored->status, &record);

    if (code == -REASON_INTERNAL)
        (void)fail(scrub, name, "cannot read its record", errno);
    else if (scrub->plan->record)
        give_record(scrub, name, stored);
    else if (code == -REASON_MISMATCH)
        scrub->by_hand++;
    else
        scrub->unrecorded++;
}

static int visit(void *context, const struct list_entry *entry)
{
    struct scrub *scrub = context;
    struct stored stored;
    int code = lookup_open(scrub->library, entry->name, &stored);

    /* Gone, or something else, since it was listed. */
    if (code == -REASON_NOT_FOUND || code == -REASON_NOT_A_FILE)
        return 0;
    if (code < 0)
        return fail(scrub, entry->name, "cannot open", errno);
    if (stored.record.digest[0] != '\0')
        compare(scrub, entry->name, &stored);
    else
        pass_over_or_record(scrub, entry->name, &stored);
    descriptor_close(stored.fd);
    return 0;
}

/* For the progress: what is there to be read? */
static int add_up(void *context, const struct list_entry *entry)
{
    struct scrub *scrub = context;

    if (entry->record->digest[0] != '\0' || scrub->plan->record)
        scrub->progress.total += entry->status->st_size;
    return 0;
}

static int fail_to_read(void *context, const char *folder)
{
    return fail(context, folder, "cannot read the folder", errno);
}

static void visit_all(struct scrub *scrub)
{
    struct list_query query = {.folder = scrub->plan->folder,
                               .must_be_folder = scrub->plan->must_be_folder,
                               .deep = true,
                               .details = true,
                               .entry = add_up,
                               .context = scrub};

    if (scrub->progress.is_shown)
        (void)list_run(scrub->library, &query);
    query.details = false;
    query.entry = visit;
    query.unreadable = fail_to_read;
    if (list_run(scrub->library, &query) < 0)
        (void)fail(scrub, scrub->library->path, "cannot read the library", errno);
}

/* Is there what was asked for? A mistyped folder must not be called free of damage. */
static void look(struct scrub *scrub)
{
    struct stat status;
    const char *folder = scrub->plan->folder != NULL ? scrub->plan->folder : ".";
    int flags = O_PATH | (scrub->plan->must_be_folder ? O_DIRECTORY : 0);
    int fd = library_openat(scrub->library, folder, flags);

    if (fd < 0 || fstat(fd, &status) < 0)
        (void)fail(scrub, folder, "cannot open", errno);
    else if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
        (void)fail(scrub, folder, "it is no file and no folder", 0);
    else
        visit_all(scrub);
    descriptor_close(fd);
}

static void summarize(struct scrub *scrub)
{
    char read[AMOUNT_ROOM];

    progress_hide(&scrub->progress);
    (void)fprintf(stderr,
                  "fsd-scrub: %s read; files: %" PRIu64 " whole, %" PRIu64 " damaged, %" PRIu64
                  " moved into quarantine, %" PRIu64 " given a record, %" PRIu64
                  " without a record, %" PRIu64 " put or changed by hand, %" PRIu64
                  " changed meanwhile; %" PRIu64 " failures; %" PRIu64 " in quarantine\n",
                  amount_print((uint64_t)scrub->progress.done, read), scrub->whole, scrub->damaged,
                  scrub->moved, scrub->recorded, scrub->unrecorded, scrub->by_hand, scrub->changed,
                  scrub->failures, quarantine_count(scrub->library));
}

void scrub_complain(const char *subject, const char *fault)
{
    char line[LINE_ROOM];
    char clean[LINE_ROOM];

    (void)snprintf(line, sizeof line, "%s: %s", subject, fault);
    (void)utf8_clean(line, strlen(line), clean, sizeof clean);
    (void)fprintf(stderr, "fsd-scrub: %s\n", clean);
}

bool scrub_run(const struct library *library, const struct owner *owner,
               const struct scrub_plan *plan)
{
    struct scrub scrub = {.library = library, .owner = owner, .plan = plan};

    progress_begin(&scrub.progress);
    reader_open(&scrub.reader, plan->rate, &scrub.progress);
    look(&scrub);
    summarize(&scrub);
    reader_close(&scrub.reader);
    return scrub.damaged == 0 && scrub.failures == 0;
}
