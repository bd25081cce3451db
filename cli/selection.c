#include "cli/selection.h"

#include <string.h>

/* A time before now that an option gives as an age. */
static int read_age(const struct options *options, enum option option, bool *ret_has,
                    struct timespec *ret, struct failure *failure)
{
    int64_t age = 0;
    int code = options_age(options, option, &age, failure);

    *ret_has = options_have(options, option);
    if (code < 0 || !*ret_has)
        return code;
    (void)clock_gettime(CLOCK_REALTIME, ret);
    ret->tv_sec -= age;
    return 0;
}

int selection_read(struct selection *selection, const struct options *options,
                   struct failure *failure)
{
    *selection = (struct selection){.larger_than = -1, .smaller_than = -1, .newest = -1};
    int code =
        read_age(options, OPTION_OLDER_THAN, &selection->has_older, &selection->older, failure);
    if (code == 0)
        code =
            read_age(options, OPTION_NEWER_THAN, &selection->has_newer, &selection->newer, failure);
    if (code == 0)
        code = options_size(options, OPTION_LARGER_THAN, &selection->larger_than, failure);
    if (code == 0)
        code = options_size(options, OPTION_SMALLER_THAN, &selection->smaller_than, failure);
    if (code == 0)
        code = options_count(options, OPTION_NEWEST, &selection->newest, failure);
    if (code == 0)
        code = options_count(options, OPTION_KEEP, &selection->keep, failure);
    selection->needs_details = selection->has_older || selection->has_newer ||
                               selection->larger_than >= 0 || selection->smaller_than >= 0 ||
                               selection->newest >= 0 || selection->keep > 0;
    return code;
}

static bool is_before(struct timespec time, struct timespec limit)
{
    return time.tv_sec < limit.tv_sec ||
           (time.tv_sec == limit.tv_sec && time.tv_nsec < limit.tv_nsec);
}

static bool is_folder(const struct entry *entry)
{
    return entry->name[strlen(entry->name) - 1] == '/';
}

bool selection_wants(const struct selection *selection, const struct entry *entry)
{
    if (!selection->needs_details)
        return true;
    return !is_folder(entry) && entry->has_mtime && entry->size >= 0 &&
           (!selection->has_older || is_before(entry->mtime, selection->older)) &&
           (!selection->has_newer || !is_before(entry->mtime, selection->newer)) &&
           (selection->larger_than < 0 || entry->size > selection->larger_than) &&
           (selection->smaller_than < 0 || entry->size < selection->smaller_than);
}

int selection_apply(const struct selection *selection, struct entries *entries,
                    struct failure *failure)
{
    struct entry entry;
    size_t kept = 0;

    if (!selection->needs_details)
        return 0;
    for (size_t i = 0; i < entries->count; i++) {
        entries_get(entries, i, &entry);
        if (!is_folder(&entry) && (!entry.has_mtime || entry.size < 0))
            return fail(failure, REASON_BREACH, entry.name, "the server does not report its %s",
                        entry.has_mtime ? "size" : "time");
    }
    /* Folders come last. */
    entries_sort_by_time(entries);
    for (size_t i = (size_t)selection->keep; i < entries->count; i++) {
        entries_get(entries, i, &entry);
        if (selection_wants(selection, &entry))
            entries->refs[kept++] = entries->refs[i];
    }
    if (selection->newest >= 0 && kept > (size_t)selection->newest)
        kept = (size_t)selection->newest;
    entries->count = kept;
    (void)entries_sort(entries);
    return 0;
}
