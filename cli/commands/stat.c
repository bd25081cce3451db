#include <string.h>

#include "cli/commands/commands.h"
#include "cli/entries.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/output.h"

/* The listing of the one file that was asked for. */
struct asked {
    const char *name;
    struct entries entries;
};

static int keep_entry(void *context, const struct entry *entry, struct failure *failure)
{
    struct asked *asked = context;

    if (strcmp(entry->name, asked->name) != 0)
        return fail(failure, REASON_NOT_A_FILE, asked->name,
                    "is a folder in the library (use fsc ls)");
    if (asked->entries.count > 0)
        return fail(failure, REASON_BREACH, asked->name, "the server listed it twice");
    return entries_keep(&asked->entries, entry, failure);
}

static int check_operand(struct invocation *invocation, const char *operand)
{
    const char *name = invocation_bare_name(operand);

    if (operand[0] != '\0' && name[0] == '\0')
        return fail(invocation->failure, REASON_USAGE, operand,
                    "is the whole library, not a file (use fsc ls, or fsc status)");
    return invocation_check_name(invocation, name, strlen(name));
}

static int stat_one(struct invocation *invocation, const char *operand)
{
    const char *name = invocation_bare_name(operand);
    const struct listing_request request = {.name = name, .details = true};
    struct failure *failure = invocation->failure;
    struct asked asked = {.name = name};
    bool *is_first = invocation->state;
    bool is_local = invocation_has(invocation, OPTION_LOCAL);
    struct json json = {.count = 0};
    char time[JSON_TIME_ROOM];
    struct entry entry;
    int code = check_operand(invocation, operand);

    if (code < 0)
        return code;
    if (entries_begin(&asked.entries, ENTRIES_ALL) < 0)
        return fail_errno(failure, REASON_INTERNAL, name, "no memory");
    code = listing_read(&invocation->connection, &request, keep_entry, &asked);
    if (code == -REASON_EMPTY)
        code = fail(failure, REASON_NOT_FOUND, name, "%s%s", reason_text(REASON_NOT_FOUND),
                    listing_hint(name, " (for a pattern use: fsc ls --match PATTERN | fsc stat "
                                       "--files-from -)"));
    if (code < 0) {
        entries_free(&asked.entries);
        return code;
    }

    entries_get(&asked.entries, 0, &entry);
    if (invocation_has(invocation, OPTION_JSON)) {
        json_text(&json, "name", entry.name);
        json_details(&json, &entry);
        code = json_end(&json);
    } else {
        /* An empty line separates two files. */
        code = output_print("%sname: %s\n", *is_first ? "" : "\n", entry.name);
        if (code == 0 && entry.size >= 0)
            code = output_print("size: %lld\n", (long long)entry.size);
        if (code == 0 && entry.has_mtime && json_print_time(entry.mtime, is_local, time) != NULL)
            code = output_print("mtime: %s\n", time);
        if (code == 0 && entry.digest != NULL)
            code = output_print("digest: %s\n", entry.digest);
        if (code == 0 && entry.by != NULL)
            code = output_print_field("by", ": ", entry.by);
    }
    *is_first = false;
    entries_free(&asked.entries);
    return code < 0 ? fail_quietly(failure, REASON_LOCAL) : 0;
}

int stat_run(struct invocation *invocation)
{
    bool is_first = true;
    static const enum option excluded[][2] = {{OPTION_LOCAL, OPTION_JSON}};
    int code = options_exclude(invocation->options, excluded, 1, invocation->failure);

    if (code == 0)
        code = invocation_check_each(invocation, check_operand);
    if (code < 0)
        return code;
    invocation->state = &is_first;
    code = invocation_run_each(invocation, stat_one, NULL);
    invocation->state = NULL;
    return code;
}
