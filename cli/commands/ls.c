#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/download.h"
#include "cli/entries.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/selection.h"
#include "protocol/line.h"
#include "protocol/name.h"
#include "settings/quantity.h"

/* What is listed. */
struct ls {
    struct selection selection;
    bool has_shown; /* something of the operand at hand was selected */
};

/*
 * As sha256sum(1): the line of a name that holds a backslash begins with one, and each in the name
 * is doubled. "-" would be standard input to it. A file that the server has no digest of is fetched
 * to make it.
 */
static int print_sum(struct invocation *invocation, const struct entry *entry)
{
    struct download download = {.name = entry->name, .fd = -1, .local = entry->name};
    const char *digest = entry->digest;
    char name[2 * NAME_LONGEST + 1];
    char *end = name;

    if (entry->name[strlen(entry->name) - 1] == '/')
        return 0;
    if (digest == NULL) {
        int code = download_get(&invocation->connection, &download);
        if (code < 0)
            return code;
        digest = download.digest;
    }
    for (const char *byte = entry->name; *byte != '\0'; byte++) {
        if (*byte == '\\')
            *end++ = '\\';
        *end++ = *byte;
    }
    *end = '\0';
    return output_print("%s%s  %s%s\n", strchr(name, '\\') != NULL ? "\\" : "", digest_hex(digest),
                        strcmp(name, "-") == 0 ? "./" : "", name) < 0
               ? fail_quietly(invocation->failure, REASON_LOCAL)
               : 0;
}

static int print_entry(void *context, const struct entry *entry, struct failure *failure)
{
    struct invocation *invocation = context;
    char end = invocation_has(invocation, OPTION_NULL) ? '\0' : '\n';
    int code = 0;
    struct ls *ls = invocation->state;

    if (!selection_wants(&ls->selection, entry))
        return 0;
    ls->has_shown = true;
    if (invocation_has(invocation, OPTION_SUMS))
        return print_sum(invocation, entry);
    if (invocation_has(invocation, OPTION_JSON)) {
        code = json_entry(entry);
    } else if (invocation_has(invocation, OPTION_LONG)) {
        bool is_local = invocation_has(invocation, OPTION_LOCAL);
        char when[JSON_TIME_ROOM] = "-";
        char size[QUANTITY_ROOM] = "-";
        if (entry->size >= 0 && invocation_has(invocation, OPTION_HUMAN))
            (void)quantity_print_human(entry->size, size);
        else if (entry->size >= 0)
            (void)snprintf(size, sizeof size, "%lld", (long long)entry->size);
        if (entry->has_mtime && json_print_time((struct timespec){.tv_sec = entry->mtime.tv_sec},
                                                is_local, when) == NULL)
            (void)snprintf(when, sizeof when, "-");
        code = output_print("%13s %*s %s%c", size, is_local ? 25 : 20, when, entry->name, end);
    } else {
        code = output_print("%s%c", entry->name, end);
    }
    return code < 0 ? fail_quietly(failure, REASON_LOCAL) : 0;
}

/* Prints what was kept, in order. A file whose sum cannot be made does not stop the others. */
static int print_kept(struct invocation *invocation, struct entries *entries)
{
    bool reverse = invocation_has(invocation, OPTION_REVERSE);
    int first = 0;

    if (invocation_has(invocation, OPTION_BY_TIME))
        entries_sort_by_time(entries);
    if (invocation_has(invocation, OPTION_LARGEST))
        entries_sort_by_size(entries);
    for (size_t i = 0; i < entries->count && !invocation->connection.unreachable; i++) {
        struct entry entry;
        entries_get(entries, reverse ? entries->count - 1 - i : i, &entry);
        int code =
            invocation_report(invocation, print_entry(invocation, &entry, invocation->failure));
        first = first < 0 ? first : code;
        /* Nobody would see the others. */
        if (code == -REASON_LOCAL)
            break;
    }
    return first;
}

static int check_operand(struct invocation *invocation, const char *operand)
{
    const char *name = invocation_bare_name(operand);

    return operand[0] != '\0' && name[0] == '\0' ? 0 : invocation_check_folder(invocation, name);
}

/*
 * Lists one operand, or everything for NULL. A listing that is cut off is not shown, unless it is
 * printed as it comes, or the server has sent all that it could read.
 */
static int list_one(struct invocation *invocation, const char *operand)
{
    bool needs_all =
        invocation_has(invocation, OPTION_JSON) || invocation_has(invocation, OPTION_SUMS);
    struct ls *ls = invocation->state;
    bool needs_details = ls->selection.needs_details || invocation_has(invocation, OPTION_LONG) ||
                         invocation_has(invocation, OPTION_BY_TIME) ||
                         invocation_has(invocation, OPTION_LARGEST);
    const char *name = operand != NULL ? invocation_bare_name(operand) : "";
    const struct listing_request request = {
        .name = name[0] != '\0' ? name : NULL,
        .command = "ls",
        .match = invocation->options->values[OPTION_MATCH],
        .deep = invocation_has(invocation, OPTION_RECURSIVE),
        .details = needs_all || needs_details,
    };
    struct connection *connection = &invocation->connection;
    struct entries entries;
    int code = operand != NULL ? check_operand(invocation, operand) : 0;

    if (code < 0)
        return code;
    ls->has_shown = false;
    if (invocation_has(invocation, OPTION_UNSORTED)) {
        code = listing_read(connection, &request, print_entry, invocation);
    } else {
        code = entries_read(&entries,
                            needs_all       ? ENTRIES_ALL
                            : needs_details ? ENTRIES_DETAILS
                                            : ENTRIES_NAMES,
                            connection, &request);
        if (code == -REASON_INCOMPLETE)
            (void)invocation_report(invocation, code);
        if (code == 0 || code == -REASON_INCOMPLETE) {
            int printed = selection_apply(&ls->selection, &entries, invocation->failure);
            if (printed == 0)
                printed = print_kept(invocation, &entries);
            code = code < 0 ? code : printed;
        }
        entries_free(&entries);
    }
    if (code < 0 ? code != -REASON_EMPTY : ls->has_shown)
        return code;
    if (code < 0 && request.name != NULL && !invocation_has(invocation, OPTION_MISSING_OK)) {
        size_t length = strlen(name);
        bool is_folder = name_length_without_slash(name, length) < length;
        int found =
            request.match != NULL
                ? listing_find_folder(connection, name)
                : fail(connection->failure, REASON_NOT_FOUND, name, "no such %s in the library%s",
                       is_folder ? "folder" : "file or folder",
                       listing_hint(name, " (use --match for a pattern)"));
        if (found < 0)
            return found;
    }
    return invocation_has(invocation, OPTION_FAIL_EMPTY)
               ? connection_fail(connection, listing_subject(&request), -REASON_EMPTY)
               : 0;
}

int ls_run(struct invocation *invocation)
{
    static const enum option excluded[][2] = {
        {OPTION_UNSORTED, OPTION_NEWEST},  {OPTION_UNSORTED, OPTION_BY_TIME},
        {OPTION_UNSORTED, OPTION_LARGEST}, {OPTION_UNSORTED, OPTION_REVERSE},
        {OPTION_BY_TIME, OPTION_LARGEST},  {OPTION_JSON, OPTION_LONG},
        {OPTION_JSON, OPTION_HUMAN},       {OPTION_SUMS, OPTION_JSON},
        {OPTION_SUMS, OPTION_LONG},        {OPTION_SUMS, OPTION_UNSORTED},
        {OPTION_SUMS, OPTION_NULL},
    };
    const struct options *options = invocation->options;
    struct failure *failure = invocation->failure;
    struct ls ls = {.has_shown = false};
    int code = options_exclude(options, excluded, sizeof excluded / sizeof excluded[0], failure);

    if (code == 0 && options_have(options, OPTION_HUMAN) && !options_have(options, OPTION_LONG))
        code = fail(failure, REASON_USAGE, "ls", "-h needs -l (for help, use --help)");
    if (code == 0 && options_have(options, OPTION_LOCAL) && !options_have(options, OPTION_LONG))
        code = fail(failure, REASON_USAGE, "ls", "--local needs -l");
    if (code == 0)
        code = listing_check_pattern(options, failure);
    if (code == 0)
        code = invocation_check_each(invocation, check_operand);
    if (code == 0)
        code = selection_read(&ls.selection, options, failure);
    if (code < 0)
        return code;
    invocation->state = &ls;
    code = options->operand_count > 0 || options_have(options, OPTION_FILES_FROM)
               ? invocation_run_each(invocation, list_one, NULL)
               : invocation_run_once(invocation, list_one);
    invocation->state = NULL;
    return code;
}
