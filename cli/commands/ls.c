#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/download.h"
#include "cli/entries.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "protocol/line.h"
#include "protocol/name.h"
#include "settings/quantity.h"

/* The listing of one operand. */
struct listed {
    struct invocation *invocation;
    const struct options *options;
    struct connection *connection;
    struct entries entries; /* unless they are printed as they come */
};

static int print_long(const struct listed *listed, const struct entry *entry, char end)
{
    char when[JSON_TIME_ROOM] = "-";
    char size[QUANTITY_ROOM] = "-";

    if (entry->size >= 0 && options_have(listed->options, OPTION_HUMAN))
        (void)quantity_print_human(entry->size, size);
    else if (entry->size >= 0)
        (void)snprintf(size, sizeof size, "%lld", (long long)entry->size);
    if (entry->has_mtime &&
        json_print_time((struct timespec){.tv_sec = entry->mtime.tv_sec}, when) == NULL)
        (void)snprintf(when, sizeof when, "-");
    return output_print("%13s %20s %s%c", size, when, entry->name, end);
}

/* Makes the digest of a file that the server has no record of. */
static int fetch_digest(struct connection *connection, const char *name, char digest[DIGEST_ROOM])
{
    struct download download = {.name = name, .fd = -1, .local = name};
    int code = download_get(connection, &download);

    memcpy(digest, download.digest, DIGEST_ROOM);
    return code;
}

/* As sha256sum(1) does: with a backslash in the name, one stands in front and each is doubled. */
static int print_sum(const struct listed *listed, const struct entry *entry,
                     struct failure *failure)
{
    char digest[DIGEST_ROOM];
    char name[2 * NAME_LONGEST + 1];
    char *end = name;
    int code = 0;

    if (entry->name[strlen(entry->name) - 1] == '/')
        return 0;
    if (entry->digest == NULL)
        code = fetch_digest(listed->connection, entry->name, digest);
    if (code < 0)
        return code;
    for (const char *byte = entry->name; *byte != '\0'; byte++) {
        if (*byte == '\\')
            *end++ = '\\';
        *end++ = *byte;
    }
    *end = '\0';
    code = output_print("%s%s  %s\n", strchr(name, '\\') != NULL ? "\\" : "",
                        digest_hex(entry->digest != NULL ? entry->digest : digest), name);
    return code < 0 ? fail_quietly(failure, REASON_LOCAL) : 0;
}

static int print_entry(void *context, const struct entry *entry, struct failure *failure)
{
    const struct listed *listed = context;
    char end = options_have(listed->options, OPTION_NULL) ? '\0' : '\n';

    int code = 0;

    if (options_have(listed->options, OPTION_SUMS))
        return print_sum(listed, entry, failure);
    if (options_have(listed->options, OPTION_JSON))
        code = json_entry(entry);
    else if (options_have(listed->options, OPTION_LONG))
        code = print_long(listed, entry, end);
    else
        code = output_print("%s%c", entry->name, end);
    return code < 0 ? fail_quietly(failure, REASON_LOCAL) : 0;
}

/* Prints what was kept, in order. A file of which no sum can be had leaves the others alone. */
static int print_kept(struct listed *listed)
{
    struct entries *entries = &listed->entries;
    bool reverse = options_have(listed->options, OPTION_REVERSE);
    int first = 0;

    if (options_have(listed->options, OPTION_NEWEST))
        entries_sort_by_time(entries);
    if (options_have(listed->options, OPTION_LARGEST))
        entries_sort_by_size(entries);
    for (size_t i = 0; i < entries->count && !listed->connection->unreachable; i++) {
        struct entry entry;
        entries_get(entries, reverse ? entries->count - 1 - i : i, &entry);
        int code = invocation_report(listed->invocation,
                                     print_entry(listed, &entry, listed->invocation->failure));
        first = first < 0 ? first : code;
        /* Nobody would see the others. */
        if (code == -REASON_LOCAL)
            break;
    }
    return first;
}

static enum entries_kept what_to_keep(const struct options *options)
{
    if (options_have(options, OPTION_JSON) || options_have(options, OPTION_SUMS))
        return ENTRIES_ALL;
    return options_have(options, OPTION_LONG) || options_have(options, OPTION_NEWEST) ||
                   options_have(options, OPTION_LARGEST)
               ? ENTRIES_DETAILS
               : ENTRIES_NAMES;
}

/* A listing that broke off is not shown, unless it is printed as it comes. */
static int list(const struct listing_request *request, struct listed *listed)
{
    if (options_have(listed->options, OPTION_UNSORTED))
        return listing_read(listed->connection, request, print_entry, listed);
    int code =
        entries_read(&listed->entries, what_to_keep(listed->options), listed->connection, request);
    if (code == 0)
        code = print_kept(listed);
    entries_free(&listed->entries);
    return code;
}

/* Lists what one operand tells, or everything for NULL. */
static int list_one(struct invocation *invocation, const char *operand)
{
    const struct options *options = invocation->options;
    size_t length = operand != NULL ? name_length_without_slash(operand, strlen(operand)) : 0;
    const char *fault = operand != NULL ? name_fault(operand, length) : NULL;
    const struct listing_request request = {
        .name = operand,
        .match = options->values[OPTION_MATCH],
        .deep = options_have(options, OPTION_RECURSIVE),
        .details = what_to_keep(options) > ENTRIES_NAMES,
    };
    struct listed listed = {
        .invocation = invocation, .options = options, .connection = &invocation->connection};

    if (fault != NULL)
        return fail(invocation->failure, REASON_USAGE, operand, "no name: %s", fault);
    int code = list(&request, &listed);
    return code == -REASON_EMPTY && !options_have(options, OPTION_FAIL_EMPTY) ? 0 : code;
}

static int check_usage(const struct options *options, struct failure *failure)
{
    static const enum option excluded[][2] = {
        {OPTION_UNSORTED, OPTION_NEWEST},  {OPTION_UNSORTED, OPTION_LARGEST},
        {OPTION_UNSORTED, OPTION_REVERSE}, {OPTION_NEWEST, OPTION_LARGEST},
        {OPTION_JSON, OPTION_LONG},        {OPTION_JSON, OPTION_HUMAN},
        {OPTION_SUMS, OPTION_JSON},        {OPTION_SUMS, OPTION_LONG},
        {OPTION_SUMS, OPTION_UNSORTED},    {OPTION_SUMS, OPTION_NULL},
    };
    int code = options_exclude(options, excluded, sizeof excluded / sizeof excluded[0], failure);

    if (code < 0)
        return code;
    if (options_have(options, OPTION_HUMAN) && !options_have(options, OPTION_LONG))
        return fail(failure, REASON_USAGE, "ls", "-h goes with -l; help is --help");
    return listing_check_pattern(options, failure);
}

int ls_run(struct invocation *invocation)
{
    int code = check_usage(invocation->options, invocation->failure);

    if (code < 0)
        return code;
    if (invocation->options->operand_count > 0 ||
        options_have(invocation->options, OPTION_FILES_FROM))
        return invocation_run_each(invocation, list_one, NULL);
    return invocation_run_once(invocation, list_one);
}
