#include "daemon/store/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/store/lookup.h"
#include "protocol/clock.h"
#include "protocol/digest.h"
#include "protocol/name.h"

enum {
    UNSETTLED = 1,        /* added to the mark of a file that may still be written to */
    MARK_DIGITS = 16,     /* hex digits of a digest that make a mark */
    GARBAGE_MOST = 65536, /* marks of files that are gone, besides one for each file there */
    /* Scanning takes at most one of so many parts of a processor, for all who do so together. */
    SCAN_SHARE = 32,
    /*
     * Scans when notices cannot be relied on: what the first finds unsettled, and the second finds
     * unchanged, is complete. If it did change, it was open when its folder was watched already, and
     * a notice follows.
     */
    SCANS_TO_SETTLE = 2,
};

/* The mark of a name and its details. It is from a digest: nobody can find two with the same mark. */
static uint64_t mark_of(const char *name, const char *details)
{
    char text[DIGEST_ROOM];
    char digits[MARK_DIGITS + 1];
    struct digest digest;

    digest_begin(&digest);
    digest_add(&digest, name, strlen(name));
    digest_add(&digest, details, strlen(details));
    digest_finish(&digest, text);
    (void)snprintf(digits, sizeof digits, "%.*s", MARK_DIGITS, digest_hex(text));
    uint64_t mark = strtoull(digits, NULL, 16) & ~(uint64_t)UNSETTLED;
    return mark != 0 ? mark : 2;
}

enum finding {
    FILE_SEEN,
    FILE_NEW,
    FILE_OPEN,      /* a notice will come when its writer has closed it */
    FILE_UNSETTLED, /* it may be open, and no notice can be relied on */
};

static enum finding classify(const struct watch *watch, const struct list_entry *entry,
                             uint64_t mark)
{
    if (seen_has(&watch->before, mark) || seen_has(&watch->seen, mark))
        return FILE_SEEN;
    if (watch->reason == WATCH_BEGINS)
        return watch->query->existing ? FILE_NEW : FILE_SEEN;
    if (watch->reason == WATCH_COMPLETE || seen_has(&watch->before, mark | UNSETTLED) ||
        lookup_is_committed(watch->library, entry->status, entry->record))
        return FILE_NEW;
    return watch->reason == WATCH_CREATED ? FILE_OPEN : FILE_UNSETTLED;
}

static uint64_t mark_of_file(const struct watch *watch, const char *name, const struct stat *status)
{
    char details[128];

    (void)snprintf(details, sizeof details, "/%llu %lld %lld %ld",
                   watch->by_inode ? (unsigned long long)status->st_ino : 0,
                   (long long)status->st_size, (long long)status->st_mtim.tv_sec,
                   status->st_mtim.tv_nsec);
    return mark_of(name, details);
}

/* Most files of a scan are known from the one before. */
static int is_known(void *context, const char *name, const struct stat *status)
{
    struct watch *watch = context;
    uint64_t mark = mark_of_file(watch, name, status);

    if (!seen_has(&watch->before, mark))
        return 0;
    int code = seen_add(&watch->seen, mark);
    return code < 0 ? code : 1;
}

static int take_file(void *context, const struct list_entry *entry)
{
    struct watch *watch = context;
    int code = 0;
    uint64_t mark = mark_of_file(watch, entry->name, entry->status);

    switch (classify(watch, entry, mark)) {
    case FILE_OPEN:
        return 0;
    case FILE_UNSETTLED:
        watch->is_unsettled = true;
        return watch->reason == WATCH_SCANNED ? seen_add(&watch->seen, mark | UNSETTLED) : 0;
    case FILE_NEW:
        code = watch->query->entry(watch->query->context, entry);
        break;
    case FILE_SEEN:
        break;
    }
    return code < 0 ? code : seen_add(&watch->seen, mark);
}

/* A folder is watched before it is read, so that nothing is missed in between. */
static bool is_visible(void *context, const char *name)
{
    struct watch *watch = context;
    size_t length = strlen(name);

    if (!watch->query->is_visible(watch->query->context, name))
        return false;
    if (length == 0 || name[length - 1] == '/')
        (void)notices_add(&watch->notices, name);
    return true;
}

static int end_batch(void *context)
{
    const struct watch *watch = context;

    return watch->query->batch_end != NULL ? watch->query->batch_end(watch->query->context) : 0;
}

/* A folder that cannot be read is looked at again and again, but reported once. */
static int skip(void *context, const char *name)
{
    struct watch *watch = context;
    int error = errno;
    uint64_t mark = mark_of(name, "");

    if (watch->query->unreadable == NULL || seen_has(&watch->unreadable, mark))
        return 0;
    int code = seen_add(&watch->unreadable, mark);
    errno = error;
    return code < 0 ? code : watch->query->unreadable(watch->query->context, name);
}

/* Looks at a file, or at all files below a folder. */
static int look_at(struct watch *watch, const char *name, enum watch_reason reason)
{
    const struct list_query query = {
        .folder = name,
        .must_be_folder = name == watch->query->folder && !watch->query->is_file,
        .deep = true,
        .details = true,
        .is_visible = is_visible,
        .is_known = is_known,
        .entry = take_file,
        .batch_end = end_batch,
        .unreadable = skip,
        .context = watch,
    };

    watch->reason = reason;
    return list_run(watch->library, &query);
}

/* How long this thread has had a processor. */
static int64_t processor_us(void)
{
    struct timespec time = {.tv_sec = 0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static int scan(struct watch *watch, enum watch_reason reason)
{
    int64_t began_ms = clock_ms();
    int64_t began_us = processor_us();

    watch->before = watch->seen;
    watch->seen = (struct seen){.slots = NULL};
    watch->is_unsettled = false;
    notices_begin_round(&watch->notices);
    notices_add_way(&watch->notices, watch->folder);
    int code = look_at(watch, watch->query->folder, reason);
    notices_end_round(&watch->notices);
    seen_free(&watch->before);
    watch->scans_left = watch->is_unsettled && watch->scans_left > 1 ? watch->scans_left - 1 : 0;
    watch->present = watch->seen.count;
    watch->scanned_ms = clock_ms();
    watch->scan_us = processor_us() - began_us;
    /* At least as long as the scan took, so that a large library is not read all the time. */
    watch->pause_ms = watch->scanned_ms - began_ms;
    if (watch->pause_ms < NOTICES_POLL_MS)
        watch->pause_ms = NOTICES_POLL_MS;
    return code;
}

static int take_notice(struct watch *watch, const struct notice *notice)
{
    char name[NAME_LONGEST + 1];
    char folder[NAME_LONGEST + 2];

    if (notice->some_lost) {
        watch->scans_left = SCANS_TO_SETTLE;
        return 0;
    }
    size_t length = strlen(notice->component);
    bool is_on_way = strlen(notice->folder) < strlen(watch->folder);
    if (!name_component_is_valid(notice->component, length) ||
        strlen(notice->folder) + length > NAME_LONGEST)
        return 0;
    (void)snprintf(name, sizeof name, "%s%s", notice->folder, notice->component);
    if (!notice->is_folder)
        return notice->is_gone || is_on_way
                   ? 0
                   : look_at(watch, name, notice->is_complete ? WATCH_COMPLETE : WATCH_CREATED);

    length = (size_t)snprintf(folder, sizeof folder, "%s/", name);
    if (is_on_way ? strncmp(watch->folder, folder, length) != 0
                  : !watch->query->is_visible(watch->query->context, folder))
        return 0;
    if (notice->is_gone) {
        notices_remove(&watch->notices, folder);
        return 0;
    }
    if (notice->is_changed && !notices_add(&watch->notices, folder))
        return 0;
    if (is_on_way)
        notices_add_way(&watch->notices, watch->folder);
    watch->is_unsettled = false;
    int code = look_at(watch, is_on_way ? watch->query->folder : name,
                       notice->is_complete ? WATCH_COMPLETE : WATCH_FOUND);
    if (watch->is_unsettled)
        watch->scans_left = SCANS_TO_SETTLE;
    return code;
}

int watch_open(struct watch *watch, const struct library *library, const struct watch_query *query)
{
    *watch = (struct watch){
        .library = library, .query = query, .by_inode = !library_is_shared(library->root)};
    if (query->is_file)
        (void)snprintf(watch->folder, sizeof watch->folder, "%.*s",
                       (int)(name_last_component(query->folder) - query->folder), query->folder);
    else if (query->folder != NULL)
        (void)snprintf(watch->folder, sizeof watch->folder, "%s/", query->folder);
    notices_open(&watch->notices, library);
    return scan(watch, WATCH_BEGINS);
}

void watch_close(struct watch *watch)
{
    notices_close(&watch->notices);
    seen_free(&watch->seen);
    seen_free(&watch->unreadable);
}

int watch_look(struct watch *watch)
{
    struct notice notice;
    int code = 0;

    notices_read(&watch->notices);
    while (code == 0 && notices_next(&watch->notices, &notice))
        code = take_notice(watch, &notice);
    if (watch->scans_left == 0 && watch->seen.count > 2 * watch->present + GARBAGE_MOST)
        watch->scans_left = 1;
    return code == 0 && watch_wait_ms(watch) == 0 ? scan(watch, WATCH_SCANNED) : code;
}

int64_t watch_wait_ms(const struct watch *watch)
{
    int64_t share_ms =
        watch->scan_us * SCAN_SHARE * (watch->scanning > 0 ? watch->scanning : 1) / 1000;
    int64_t pause_ms = watch->pause_ms > share_ms ? watch->pause_ms : share_ms;
    int64_t left = watch->scanned_ms + pause_ms - clock_ms();

    if (watch->notices.fd >= 0 && watch->scans_left == 0)
        return INT64_MAX;
    return left > 0 ? left : 0;
}
