#include "cli/entries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cli/retry.h"
#include "protocol/name.h"

enum {
    REGION = 64 * 1024 * 1024, /* bytes in all */
    /* Bytes of the index for each entry: a reference, and its copy while qsort(3) merges. */
    REF_COST = 2 * sizeof(uint32_t),
};

/* The numbers of an entry. They follow its name, not aligned; its other texts follow them. */
struct numbers {
    int64_t size;
    int64_t seconds;
    int32_t nanoseconds; /* -1: no mtime */
};

static const char *name_at(const struct entries *entries, uint32_t ref)
{
    return entries->region + ref;
}

static struct numbers numbers_at(const struct entries *entries, uint32_t ref)
{
    const char *name = name_at(entries, ref);
    struct numbers numbers;

    memcpy(&numbers, name + strlen(name) + 1, sizeof numbers);
    return numbers;
}

static int by_name(const void *left, const void *right, void *context)
{
    const uint32_t *a = left;
    const uint32_t *b = right;

    return strcmp(name_at(context, *a), name_at(context, *b));
}

static int by_time(const void *left, const void *right, void *context)
{
    const struct numbers a = numbers_at(context, *(const uint32_t *)left);
    const struct numbers b = numbers_at(context, *(const uint32_t *)right);

    if (a.seconds != b.seconds)
        return a.seconds < b.seconds ? 1 : -1;
    if (a.nanoseconds != b.nanoseconds)
        return a.nanoseconds < b.nanoseconds ? 1 : -1;
    return by_name(left, right, context);
}

static int by_size(const void *left, const void *right, void *context)
{
    const struct numbers a = numbers_at(context, *(const uint32_t *)left);
    const struct numbers b = numbers_at(context, *(const uint32_t *)right);

    if (a.size != b.size)
        return a.size < b.size ? 1 : -1;
    return by_name(left, right, context);
}

static void sort(struct entries *entries, int (*order)(const void *, const void *, void *))
{
    if (entries->count > 0)
        qsort_r(entries->refs, entries->count, sizeof *entries->refs, order, entries);
}

int entries_begin(struct entries *entries, enum entries_kept kept)
{
    /* A page takes no memory until something is written to it. */
    void *region = mmap(NULL, REGION, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    *entries = (struct entries){.kept = kept};
    if (region == MAP_FAILED)
        return -REASON_INTERNAL;
    entries->region = region;
    entries->refs = (uint32_t *)region + REGION / sizeof *entries->refs;
    return 0;
}

void entries_free(struct entries *entries)
{
    if (entries->region != NULL)
        (void)munmap(entries->region, REGION);
    entries->region = NULL;
}

int entries_add(struct entries *entries, const struct entry *entry)
{
    const struct numbers numbers = {
        .size = entry->size,
        .seconds = entry->has_mtime ? entry->mtime.tv_sec : -1,
        .nanoseconds = entry->has_mtime ? (int32_t)entry->mtime.tv_nsec : -1,
    };
    const char *digest = entry->digest != NULL ? entry->digest : "";
    const char *by = entry->by != NULL ? entry->by : "";
    const struct {
        const void *bytes;
        size_t length;
    } parts[] = {
        {entry->name, strlen(entry->name) + 1},
        {&numbers, sizeof numbers},
        {digest, strlen(digest) + 1},
        {by, strlen(by) + 1},
    };
    size_t count = entries->kept == ENTRIES_NAMES ? 1 : entries->kept == ENTRIES_DETAILS ? 2 : 4;
    size_t left = REGION - entries->used - entries->count * REF_COST;
    size_t cost = REF_COST;

    for (size_t i = 0; i < count; i++)
        cost += parts[i].length;
    if (cost > left)
        return -REASON_INTERNAL;
    entries->refs--;
    *entries->refs = (uint32_t)entries->used;
    entries->count++;
    for (size_t i = 0; i < count; i++) {
        memcpy(entries->region + entries->used, parts[i].bytes, parts[i].length);
        entries->used += parts[i].length;
    }
    return 0;
}

int entries_keep(void *entries, const struct entry *entry, struct failure *failure)
{
    if (entries_add(entries, entry) == 0)
        return 0;
    return fail(failure, REASON_INTERNAL, entry->name,
                "too many names to keep in memory: take fewer in one call, or ls -U");
}

const char *entries_sort(struct entries *entries)
{
    sort(entries, by_name);
    for (size_t i = 1; i < entries->count; i++) {
        if (by_name(&entries->refs[i - 1], &entries->refs[i], entries) == 0)
            return name_at(entries, entries->refs[i]);
    }
    return NULL;
}

int entries_read(struct entries *entries, enum entries_kept kept, struct connection *connection,
                 const struct listing_request *request)
{
    const char *subject = listing_subject(request);
    struct retry retry;
    int code = 0;

    *entries = (struct entries){.kept = kept};
    retry_begin(&retry, connection);
    do {
        entries_free(entries);
        code = entries_begin(entries, kept) < 0
                   ? fail_errno(connection->failure, REASON_INTERNAL, subject, "no memory")
                   : listing_read(connection, request, entries_keep, entries);
    } while (retry_again(&retry, code));
    const char *twice = code == 0 || code == -REASON_INCOMPLETE ? entries_sort(entries) : NULL;
    return twice != NULL
               ? fail(connection->failure, REASON_BREACH, twice, "the server listed it twice")
               : code;
}

/* The place of the first name that begins with these bytes; the count if there is none. */
static size_t find_prefix(const struct entries *entries, const char *bytes, size_t length)
{
    size_t low = 0;
    size_t high = entries->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strncmp(name_at(entries, entries->refs[middle]), bytes, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < entries->count && strncmp(name_at(entries, entries->refs[low]), bytes, length) == 0
               ? low
               : entries->count;
}

int entries_find(const struct entries *entries, const char *name, struct entry *ret)
{
    char folder[NAME_LONGEST + 2];
    int length = snprintf(folder, sizeof folder, "%s/", name);
    size_t place = find_prefix(entries, name, strlen(name) + 1);

    if (place < entries->count) {
        entries_get(entries, place, ret);
        return 0;
    }
    if (find_prefix(entries, folder, (size_t)length) < entries->count)
        return -REASON_NOT_A_FILE;
    /* Is one of its folders a file? */
    for (char *slash = strchr(folder, '/'); slash != NULL && slash[1] != '\0';
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool is_file = find_prefix(entries, folder, strlen(folder) + 1) < entries->count;
        *slash = '/';
        if (is_file)
            return -REASON_NOT_A_FILE;
    }
    return -REASON_NOT_FOUND;
}

int entries_find_file(struct entries *entries, struct connection *connection, const char *name,
                      struct entry *ret)
{
    const struct listing_request request = {.name = name, .details = true};
    int code = entries_read(entries, ENTRIES_ALL, connection, &request);
    struct entry ignored;

    return code == 0 || code == -REASON_EMPTY
               ? entries_find(entries, name, ret != NULL ? ret : &ignored)
               : code;
}

void entries_sort_by_time(struct entries *entries)
{
    sort(entries, by_time);
}

void entries_sort_by_size(struct entries *entries)
{
    sort(entries, by_size);
}

int64_t entries_size(const struct entries *entries)
{
    int64_t size = 0;

    if (entries->kept < ENTRIES_DETAILS)
        return -1;
    for (size_t i = 0; i < entries->count; i++) {
        struct numbers numbers = numbers_at(entries, entries->refs[i]);
        if (numbers.size > 0 && __builtin_add_overflow(size, numbers.size, &size))
            return -1;
    }
    return size;
}

void entries_get(const struct entries *entries, size_t place, struct entry *ret)
{
    const char *name = name_at(entries, entries->refs[place]);

    *ret = (struct entry){.name = name, .size = -1};
    if (entries->kept >= ENTRIES_DETAILS) {
        const struct numbers numbers = numbers_at(entries, entries->refs[place]);
        ret->size = numbers.size;
        ret->has_mtime = numbers.nanoseconds >= 0;
        if (ret->has_mtime)
            ret->mtime =
                (struct timespec){.tv_sec = numbers.seconds, .tv_nsec = numbers.nanoseconds};
    }
    if (entries->kept >= ENTRIES_ALL) {
        const char *digest = name + strlen(name) + 1 + sizeof(struct numbers);
        const char *by = digest + strlen(digest) + 1;
        ret->digest = *digest != '\0' ? digest : NULL;
        ret->by = *by != '\0' ? by : NULL;
    }
}
