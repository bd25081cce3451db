#include "daemon/store/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/lookup.h"
#include "protocol/clock.h"
#include "protocol/digest.h"
#include "protocol/name.h"

enum {
    MARK_DIGITS = 16,     /* of a digest make a mark */
    GARBAGE_MOST = 65536, /* marks of files that are gone, besides as many as there are files */
};

/* What is added to the mark of a file that is there, and not yet told of. */
enum {
    FOUND = 1,  /* by a look at all: if the next one finds it the same, it is whole */
    SOUGHT = 2, /* nothing may tell of its end: the next looks at all have to find it */
};

/*
 * What a file is remembered by. The digest lets nobody choose a name that has another one's mark.
 */
static uint64_t mark_of(const struct watch *watch, const struct list_entry *entry)
{
    char text[DIGEST_ROOM];
    char digits[MARK_DIGITS + 1];
    char what[128];
    struct digest digest;
    const struct stat *status = entry->status;
    int length = snprintf(what, sizeof what, "/%llu %lld %lld %ld",
                          watch->by_inode ? (unsigned long long)status->st_ino : 0,
                          (long long)status->st_size, (long long)status->st_mtim.tv_sec,
                          status->st_mtim.tv_nsec);

    digest_begin(&digest);
    digest_add(&digest, entry->name, entry->length);
    digest_add(&digest, what, (size_t)length);
    digest_finish(&digest, text);
    (void)snprintf(digits, sizeof digits, "%.*s", MARK_DIGITS, digest_hex(text));
    uint64_t mark = strtoull(digits, NULL, 16) & ~(uint64_t)(FOUND | SOUGHT);
    return mark != 0 ? mark : 4;
}

static bool is_to_be_told(const struct watch *watch, const struct list_entry *entry, uint64_t mark)
{
    switch (watch->look) {
    case WATCH_FIRST:
    case WATCH_WHOLE:
        return true;
    default:
        return lookup_is_committed(watch->library, entry->status, entry->record) ||
               seen_has(&watch->before, mark | FOUND);
    }
}

/* A file that is not told of yet: will its end be noticed, or does it have to be looked for? */
static int pass_over(struct watch *watch, const struct list_entry *entry, uint64_t mark)
{
    const struct stat *status = entry->status;
    /* Who writes sets both times; nothing more is noticed of a file that was linked. */
    bool is_written = status->st_ctim.tv_sec == status->st_mtim.tv_sec &&
                      status->st_ctim.tv_nsec == status->st_mtim.tv_nsec;

    if (watch->look == WATCH_CREATED && is_written)
        return 0;
    if (watch->look != WATCH_ALL) {
        watch->looks_left = 2;
        return seen_add(&watch->seen, mark | SOUGHT);
    }
    if (watch->notices.fd >= 0 && !watch->some_lost && !seen_has(&watch->before, mark | SOUGHT))
        return 0;
    watch->is_unsettled = true;
    return seen_add(&watch->seen, mark | FOUND);
}

/* Takes a file that is there: tells of it, if it is new and whole. */
static int take_file(void *context, const struct list_entry *entry)
{
    struct watch *watch = context;
    uint64_t mark = mark_of(watch, entry);

    if (seen_has(&watch->before, mark) || seen_has(&watch->seen, mark) ||
        (watch->look == WATCH_FIRST && !watch->query->existing))
        return seen_add(&watch->seen, mark);
    if (!is_to_be_told(watch, entry, mark))
        return pass_over(watch, entry, mark);
    int code = watch->query->entry(watch->query->context, entry);
    return code < 0 ? code : seen_add(&watch->seen, mark);
}

/* A folder is watched before it is read, so that nothing comes in between. */
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

    return watch->query->batch_end(watch->query->context);
}

/* Looks at a file, or at all that is below a folder, be it there or not. */
static int look_at(struct watch *watch, const char *name, enum watch_look look)
{
    const struct list_query query = {
        .folder = name,
        .must_be_folder = name == watch->query->folder,
        .deep = true,
        .details = true,
        .is_visible = is_visible,
        .entry = take_file,
        .batch_end = end_batch,
        .context = watch,
    };

    watch->look = look;
    return list_run(watch->library, &query);
}

static int look_at_all(struct watch *watch, enum watch_look look)
{
    int64_t began_ms = clock_ms();

    watch->before = watch->seen;
    watch->seen = (struct seen){.slots = NULL};
    watch->is_unsettled = false;
    notices_begin_round(&watch->notices);
    notices_add_way(&watch->notices, watch->folder);
    int code = look_at(watch, watch->query->folder, look);
    notices_end_round(&watch->notices);
    seen_free(&watch->before);
    watch->looks_left = watch->is_unsettled && watch->looks_left > 1 ? watch->looks_left - 1 : 0;
    watch->some_lost = watch->some_lost && watch->looks_left > 0;
    watch->present = watch->seen.count;
    watch->looked_ms = clock_ms();
    /* A large library is not read all of the time. */
    watch->pause_ms = watch->looked_ms - began_ms;
    if (watch->pause_ms < NOTICES_POLL_MS)
        watch->pause_ms = NOTICES_POLL_MS;
    return code;
}

static int heed_folder(struct watch *watch, const struct notice *notice, const char *name)
{
    char folder[NAME_LONGEST + 2];
    size_t length = (size_t)snprintf(folder, sizeof folder, "%s/", name);
    bool is_on_way = strlen(notice->folder) < strlen(watch->folder);

    if (is_on_way && strncmp(watch->folder, folder, length) != 0)
        return 0;
    if (notice->is_gone) {
        notices_remove(&watch->notices, folder);
        return 0;
    }
    if (notice->is_changed && !notices_add(&watch->notices, folder))
        return 0;
    if (is_on_way)
        notices_add_way(&watch->notices, watch->folder);
    /* What came into it before it was watched nobody has told of. */
    return look_at(watch, is_on_way ? watch->query->folder : name, WATCH_FOLDER);
}

static int heed(struct watch *watch, const struct notice *notice)
{
    char name[NAME_LONGEST + 1];

    if (notice->some_lost) {
        watch->some_lost = true;
        watch->looks_left = 2;
        return 0;
    }
    size_t length = strlen(notice->component);
    if (!name_component_is_valid(notice->component, length) ||
        strlen(notice->folder) + length > NAME_LONGEST)
        return 0;
    (void)snprintf(name, sizeof name, "%s%s", notice->folder, notice->component);
    if (notice->is_folder)
        return heed_folder(watch, notice, name);
    if (notice->is_gone || strlen(notice->folder) < strlen(watch->folder))
        return 0;
    return look_at(watch, name, notice->is_whole ? WATCH_WHOLE : WATCH_CREATED);
}

int watch_open(struct watch *watch, const struct library *library, const struct watch_query *query)
{
    *watch = (struct watch){
        .library = library, .query = query, .by_inode = !library_is_shared(library->root)};
    if (query->folder != NULL)
        (void)snprintf(watch->folder, sizeof watch->folder, "%s/", query->folder);
    notices_open(&watch->notices, library);
    return look_at_all(watch, WATCH_FIRST);
}

void watch_close(struct watch *watch)
{
    notices_close(&watch->notices);
    seen_free(&watch->seen);
}

int watch_look(struct watch *watch)
{
    struct notice notice;
    int code = 0;

    notices_read(&watch->notices);
    while (code == 0 && notices_next(&watch->notices, &notice))
        code = heed(watch, &notice);
    if (watch->looks_left == 0 && watch->seen.count > 2 * watch->present + GARBAGE_MOST)
        watch->looks_left = 1;
    return code == 0 && watch_wait_ms(watch) == 0 ? look_at_all(watch, WATCH_ALL) : code;
}

int64_t watch_wait_ms(const struct watch *watch)
{
    int64_t left = watch->looked_ms + watch->pause_ms - clock_ms();

    if (watch->notices.fd >= 0 && watch->looks_left == 0)
        return INT64_MAX;
    return left > 0 ? left : 0;
}
