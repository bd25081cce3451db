#include <string.h>

#include "cli/commands/commands.h"
#include "cli/console.h"
#include "cli/entries.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/retry.h"
#include "cli/selection.h"
#include "protocol/line.h"
#include "protocol/name.h"
#include "protocol/value.h"

/* Reports what was done to a file. Returns `code`. */
static int report(struct invocation *invocation, const char *name, const char *done, int code)
{
    const struct report report = {.name = name, .done = done, .size = -1};

    return invocation_report_file(invocation, code, &report);
}

/* Explains why a file cannot be deleted. Returns `code`. */
static int explain(struct failure *failure, const char *name, int code)
{
    if (code == -REASON_NOT_A_FILE)
        (void)fail(failure, REASON_NOT_A_FILE, name,
                   "%s (use -R --match '*' to delete the files in a folder)",
                   reason_text(REASON_NOT_A_FILE));
    if (code == -REASON_NOT_FOUND)
        (void)fail(failure, REASON_NOT_FOUND, name, "%s%s", reason_text(REASON_NOT_FOUND),
                   listing_hint(name, " (use --match for a pattern)"));
    return code;
}

/* Says that a file would be deleted. */
static int print_plan(struct invocation *invocation, const char *name)
{
    if (invocation_has(invocation, OPTION_JSON))
        return report(invocation, name, "to be deleted", 0);
    char end = invocation_has(invocation, OPTION_NULL) ? '\0' : '\n';
    return output_print("%s%c", name, end) < 0 ? fail_quietly(invocation->failure, REASON_LOCAL)
                                               : 0;
}

/* What --dry-run says about a NAME, which may not be there. */
static int plan_file(struct invocation *invocation, const char *name)
{
    struct entries entries;
    int code = entries_find_file(&entries, &invocation->connection, name, NULL);

    entries_free(&entries);
    if (code == 0)
        return print_plan(invocation, name);
    if (code == -REASON_NOT_FOUND && invocation_has(invocation, OPTION_MISSING_OK))
        return report(invocation, name, "already gone", 0);
    return report(invocation, name, "", explain(invocation->failure, name, code));
}

/* Deletes a file; with an `mtime` only one that still has it. */
static int delete_file(struct invocation *invocation, const char *name,
                       const struct timespec *mtime)
{
    struct connection *connection = &invocation->connection;
    bool may_be_gone =
        invocation_has(invocation, OPTION_MISSING_OK) || invocation_has(invocation, OPTION_MATCH);
    bool is_gone = false;
    char text[NAME_ESCAPED_ROOM];
    char guard[VALUE_TIME_ROOM] = "";
    struct retry retry;
    int code = 0;

    (void)line_escape(name, strlen(name), text);
    if (mtime != NULL)
        (void)value_print_time(*mtime, guard);
    retry_begin(&retry, connection);
    do {
        code = connection_ready(connection);
        bool is_sent = code == 0;
        if (is_sent) {
            (void)stream_print(&connection->stream, "DELETE %s%s%s\n", text,
                               mtime != NULL ? " mtime=" : "", guard);
            code = connection_ask(connection, name, ANSWER_OK);
        }
        is_gone = code == -REASON_NOT_FOUND && may_be_gone;
        if (is_gone)
            code = 0;
        /* It may have been deleted, and the answer lost. */
        may_be_gone = may_be_gone || (is_sent && (code == -REASON_LOST || code == -REASON_TIMEOUT));
    } while (retry_again(&retry, code));
    if (code == -REASON_MISMATCH && mtime != NULL)
        (void)fail(connection->failure, REASON_MISMATCH, name,
                   "was replaced since it was listed, and is kept");
    return report(invocation, name, is_gone ? "already gone" : "deleted",
                  explain(connection->failure, name, code));
}

/* Deletes a file that was listed, or only says so. */
static int delete_entry(struct invocation *invocation, const struct entry *entry)
{
    return invocation_has(invocation, OPTION_DRY_RUN)
               ? print_plan(invocation, entry->name)
               : delete_file(invocation, entry->name, &entry->mtime);
}

/*
 * Deletes the files that match in a folder, or in the library for NULL: none before all of them are
 * known.
 */
static int delete_matching(struct invocation *invocation, const char *folder)
{
    const struct listing_request request = {
        .name = folder,
        .command = "rm",
        .match = invocation->options->values[OPTION_MATCH],
        .deep = invocation_has(invocation, OPTION_RECURSIVE),
        .details = true,
    };
    const struct selection *selection = invocation->state;
    struct connection *connection = &invocation->connection;
    struct entries entries;
    int listed = entries_read(&entries, ENTRIES_DETAILS, connection, &request);
    size_t matching = entries.count;
    int first = listed == 0 ? selection_apply(selection, &entries, invocation->failure) : listed;
    size_t count = first == 0 ? entries.count : 0;

    if (first == 0)
        console_note("%s: files that match: %zu, kept of these: %zu", listing_subject(&request),
                     matching, matching - count);
    if (listed == -REASON_EMPTY) {
        first = folder != NULL && !invocation_has(invocation, OPTION_MISSING_OK)
                    ? listing_find_folder(connection, folder)
                    : 0;
        if (first == 0 && invocation_has(invocation, OPTION_FAIL_EMPTY))
            first = connection_fail(connection, listing_subject(&request), -REASON_EMPTY);
    }
    if (first == -REASON_INCOMPLETE)
        first = fail(invocation->failure, REASON_INCOMPLETE, NULL, "%s (nothing was deleted)",
                     invocation->failure->text);
    if (first < 0 && folder != NULL)
        (void)report(invocation, folder, "", first);
    progress_expect(count, -1);
    for (size_t i = 0; i < count && !invocation_is_over(invocation); i++) {
        struct entry entry;
        entries_get(&entries, i, &entry);
        int code = delete_entry(invocation, &entry);
        first = first < 0 ? first : code;
    }
    entries_free(&entries);
    return first;
}

static int check_operand(struct invocation *invocation, const char *operand)
{
    return invocation_has(invocation, OPTION_MATCH)
               ? invocation_check_folder(invocation, operand)
               : invocation_check_name(invocation, operand, strlen(operand));
}

static int rm_one(struct invocation *invocation, const char *operand)
{
    bool is_folder = invocation_has(invocation, OPTION_MATCH);
    int code = check_operand(invocation, operand);

    if (code < 0)
        return report(invocation, operand, "", code);
    if (is_folder)
        return delete_matching(invocation, operand);
    return invocation_has(invocation, OPTION_DRY_RUN) ? plan_file(invocation, operand)
                                                      : delete_file(invocation, operand, NULL);
}

int rm_run(struct invocation *invocation)
{
    static const enum option with_match[] = {OPTION_KEEP, OPTION_OLDER_THAN, OPTION_RECURSIVE,
                                             OPTION_FAIL_EMPTY};
    const struct options *options = invocation->options;
    struct failure *failure = invocation->failure;
    bool has_operands = options->operand_count > 0 || options_have(options, OPTION_FILES_FROM);
    bool has_match = options_have(options, OPTION_MATCH);
    struct selection selection;

    for (size_t i = 0; i < sizeof with_match / sizeof with_match[0]; i++) {
        if (!has_match && options_have(options, with_match[i]))
            return fail(failure, REASON_USAGE, "rm",
                        "--%s needs --match PATTERN, such as '*' for all files",
                        option_rows[with_match[i]].name);
    }
    if (!has_match && !has_operands)
        return fail(failure, REASON_USAGE, "rm",
                    "needs NAME... or --match PATTERN (see fsc help rm)");
    int code = listing_check_pattern(options, failure);
    if (code == 0)
        code = selection_read(&selection, options, failure);
    if (code == 0)
        code = invocation_check_each(invocation, check_operand);
    if (code < 0)
        return code;

    /* Each is deleted only as it was listed, so its time is needed. */
    selection.needs_details = true;
    invocation->state = &selection;
    code = has_operands ? invocation_run_each(invocation, rm_one, NULL)
                        : invocation_run_once(invocation, delete_matching);
    invocation->state = NULL;
    return code;
}
