#include "cli/commands/invocation.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/console.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/operands.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "protocol/clock.h"
#include "protocol/name.h"
#include "settings/quantity.h"

bool invocation_has(const struct invocation *invocation, enum option option)
{
    return options_have(invocation->options, option);
}

bool invocation_is_over(const struct invocation *invocation)
{
    return invocation->connection.unreachable || invocation->is_unread ||
           (invocation->first < 0 && invocation_has(invocation, OPTION_FAIL_FAST));
}

const char *invocation_bare_name(const char *name)
{
    while (name[0] == '/' || (name[0] == '.' && (name[1] == '/' || name[1] == '\0')))
        name++;
    return name;
}

int invocation_check_name(struct invocation *invocation, const char *operand, size_t length)
{
    const char *fault = name_fault(operand, length);
    const char *bare = invocation_bare_name(operand);
    size_t bare_length = name_length_without_slash(bare, strlen(bare));
    bool has_hint = name_is_valid(bare, bare_length);

    if (fault == NULL)
        return 0;
    if (listing_is_remote(operand))
        return fail(invocation->failure, REASON_USAGE, operand, "not a valid name: %s%s", fault,
                    listing_hint(operand, ""));
    return fail(invocation->failure, REASON_USAGE, operand, "not a valid name: %s%s%.*s%s", fault,
                has_hint ? " (use " : "", has_hint ? (int)bare_length : 0, bare,
                has_hint ? ")" : "");
}

int invocation_check_folder(struct invocation *invocation, const char *operand)
{
    size_t length = name_length_without_slash(operand, strlen(operand));

    return operand[0] != '\0' && invocation_bare_name(operand)[0] == '\0'
               ? fail(invocation->failure, REASON_USAGE, operand,
                      "not a name (leave it out for the whole library)")
               : invocation_check_name(invocation, operand, length);
}

int invocation_limit_rate(struct invocation *invocation)
{
    int64_t *rate = &invocation->connection.rate.per_second;
    int code = options_size(invocation->options, OPTION_LIMIT_RATE, rate, invocation->failure);

    if (code == 0 && *rate < RATE_LEAST && invocation_has(invocation, OPTION_LIMIT_RATE))
        return fail(invocation->failure, REASON_USAGE, NULL,
                    "--limit-rate: must be at least 1K, which is 1024 bytes a second");
    return code;
}

int invocation_check_each(struct invocation *invocation, invocation_action *check)
{
    const struct options *options = invocation->options;
    int code = 0;

    for (size_t i = 0; i < options->operand_count && code == 0; i++)
        code = check(invocation, options->operands[i]);
    return code;
}

/* Prints a failure, unless there were many of its kind. */
static void print_failure(struct invocation *invocation)
{
    struct failures *failures = invocation->failures;
    char kind[KIND_ROOM];
    size_t i = 0;

    if (invocation->failure->text[0] == '\0')
        return;
    failure_kind(invocation->failure, kind, sizeof kind);
    while (i < KINDS_MOST && failures[i].kind[0] != '\0' && strcmp(failures[i].kind, kind) != 0)
        i++;
    if (i < KINDS_MOST) {
        memcpy(failures[i].kind, kind, sizeof kind);
        if (++failures[i].count > KIND_LINES_MOST)
            return;
    }
    failure_print(invocation->failure);
}

/* Says how many failures of each kind were not printed, and begins to count again. */
static void print_counts(struct invocation *invocation)
{
    for (size_t i = 0; i < KINDS_MOST; i++) {
        struct failures *failures = &invocation->failures[i];
        if (failures->count > KIND_LINES_MOST) {
            (void)fail(invocation->failure, REASON_INTERNAL, NULL, "and %zu more: %s",
                       failures->count - KIND_LINES_MOST, failures->kind);
            failure_print(invocation->failure);
        }
        *failures = (struct failures){.count = 0};
    }
}

int invocation_report(struct invocation *invocation, int code)
{
    struct failure *failure = invocation->failure;
    struct failure *last = &invocation->last;
    /* How a connection ended is the failure of all that waited for its answers. */
    bool is_known =
        invocation->connection.unanswered[0] != '\0' && strcmp(failure->text, last->text) == 0;

    if (code < 0)
        *last = *failure;
    if (code < 0 && !is_known)
        print_failure(invocation);
    /* After a success there may still be the line of an earlier attempt. */
    failure_clear(failure);
    if (invocation->first == 0)
        invocation->first = code;
    return code;
}

/* Says what was done to a file, as in "stored a/b: 12.0 MB in 0.4 s, sha256:...". */
static void note_done(const struct report *report)
{
    bool is_verb = strchr(report->done, ' ') == NULL;
    const char *digest = report->digest != NULL ? report->digest : "";
    char size[QUANTITY_ROOM] = "";
    char time[32] = "";

    if (report->size >= 0)
        (void)quantity_print_bytes(report->size, size);
    if (is_verb && report->began_ms > 0)
        (void)snprintf(time, sizeof time, " in %.1f s",
                       (double)(clock_ms() - report->began_ms) / 1000);
    if (report->why != NULL)
        console_note("%s %s: %s", report->done, report->name, report->why);
    else
        console_note("%s%s%s%s%s%s%s%s", report->done, is_verb ? " " : ": ", report->name,
                     size[0] != '\0' ? ": " : "", size, time, digest[0] != '\0' ? ", " : "",
                     digest);
}

int invocation_report_file(struct invocation *invocation, int code, const struct report *report)
{
    struct json json = {.count = 0};
    struct failure unsaid;

    if (code == 0 && console_is_verbose())
        note_done(report);
    progress_file_end(code == 0 ? report->size : -1);
    if (!invocation_has(invocation, OPTION_JSON))
        return invocation_report(invocation, code);
    json_text(&json, "name", report->name);
    if (report->local != NULL)
        json_text(&json, "local", report->local);
    if (code < 0) {
        json_text(&json, "outcome", "failed");
        json_text(&json, "reason", reason_word(reason_of(code)));
        json_number(&json, "exit", reason_exit_code(reason_of(code)));
        json_text(&json, "message", invocation->failure->text);
    } else {
        json_text(&json, "outcome", report->done);
        if (report->why != NULL)
            json_text(&json, "why", report->why);
        if (report->size >= 0)
            json_number(&json, "size", report->size);
        if (report->digest != NULL && report->digest[0] != '\0')
            json_text(&json, "digest", report->digest);
    }
    bool has_status = report->child != NULL && report->child->has_ended;
    if (has_status && WIFEXITED(report->child->status))
        json_number(&json, "command_exit", WEXITSTATUS(report->child->status));
    else if (has_status)
        json_number(&json, "command_signal", WTERMSIG(report->child->status));
    (void)invocation_report(invocation, code);
    (void)json_end(&json);
    /* A reader wants to know at once. If it cannot be written, the last flush says so. */
    (void)output_flush(&unsaid);
    return code;
}

int invocation_print_plan(struct invocation *invocation, const char *plan, const char *name)
{
    char end = invocation_has(invocation, OPTION_NULL) ? '\0' : '\n';

    return invocation_has(invocation, OPTION_JSON) || output_print("%s\t%s%c", plan, name, end) == 0
               ? 0
               : fail_quietly(invocation->failure, REASON_LOCAL);
}

/* Ends what is open, and writes what was printed. That it cannot be written is reported once. */
static void settle_all(struct invocation *invocation, invocation_settle *settle, int *written)
{
    if (settle != NULL)
        settle(invocation);
    if (*written == 0)
        *written = invocation_report(invocation, output_flush(invocation->failure));
}

/* What was not tried has no report. */
static void say_over(const struct invocation *invocation)
{
    if (invocation->first < 0 && invocation_has(invocation, OPTION_FAIL_FAST))
        console_say("stopped at the first failure; nothing after it was tried (--fail-fast)");
}

int invocation_run_each(struct invocation *invocation, invocation_action *run,
                        invocation_settle *settle)
{
    struct operands operands;
    const char *operand = NULL;
    int written = 0;

    operands_open(&operands, invocation->options);
    while (!invocation_is_over(invocation)) {
        if (operands_would_wait(&operands)) {
            settle_all(invocation, settle, &written);
            print_counts(invocation);
        }
        int got = operands_next(&operands, &operand);
        if (got == 0)
            break;
        if (got < 0) {
            /* Failures of the operands before this line of the list come first. */
            settle_all(invocation, settle, &written);
            *invocation->failure = operands.failure;
        }
        (void)invocation_report(invocation, got < 0 ? got : run(invocation, operand));
    }
    operands_close(&operands);
    settle_all(invocation, settle, &written);
    print_counts(invocation);
    say_over(invocation);
    return invocation->first;
}

int invocation_run_once(struct invocation *invocation, invocation_action *run)
{
    (void)invocation_report(invocation, run(invocation, NULL));
    (void)invocation_report(invocation, output_flush(invocation->failure));
    print_counts(invocation);
    say_over(invocation);
    return invocation->first;
}
