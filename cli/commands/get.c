#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/claims.h"
#include "cli/commands/commands.h"
#include "cli/console.h"
#include "cli/download.h"
#include "cli/entries.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/retry.h"
#include "cli/selection.h"
#include "cli/spool.h"
#include "cli/target.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"

/* What the options say. */
struct rules {
    char wanted[DIGEST_ROOM]; /* the only content to be fetched; empty: any */
    int64_t wait_ms;          /* for each name */
    struct selection selection;
    struct claims claims; /* of --force: local files, and the names that were fetched to them */
    struct stat cleaned;  /* a folder in which no stale parts are left */
};

static int by_last(const void *left, const void *right)
{
    const char *const *a = left;
    const char *const *b = right;

    return strcmp(name_last_component(*a), name_last_component(*b));
}

/*
 * Refuses two operands that would be written to the same local file. The same name twice does not
 * count, nor a folder with and without a final slash.
 */
static int check_last(const struct options *options, struct failure *failure)
{
    char **names = calloc(options->operand_count + 1, sizeof *names);
    size_t count = 0;
    int code = 0;

    for (; names != NULL && count < options->operand_count; count++) {
        const char *operand = options->operands[count];
        names[count] = strndup(operand, name_length_without_slash(operand, strlen(operand)));
        if (names[count] == NULL)
            break;
    }
    if (count > 0)
        qsort(names, count, sizeof *names, by_last);
    for (size_t i = 1; i < count && code == 0; i++) {
        if (by_last(&names[i - 1], &names[i]) == 0 && strcmp(names[i - 1], names[i]) != 0)
            code = fail(failure, REASON_USAGE, names[i],
                        "would become the same local file as %s (use --into or --output, and fetch "
                        "them one by one)",
                        names[i - 1]);
    }
    while (count > 0)
        free(names[--count]);
    free(names);
    return code;
}

/* A download of a name, whose target the caller sets. */
static struct download begin_download(const struct invocation *invocation, const char *name)
{
    const struct rules *rules = invocation->state;
    struct download download = {.name = name, .began_ms = clock_ms(), .fd = -1};

    memcpy(download.wanted, rules->wanted, DIGEST_ROOM);
    if (invocation_has(invocation, OPTION_WAIT) && !invocation_has(invocation, OPTION_DRY_RUN))
        download.wait_until_ms = clock_ms() + rules->wait_ms;
    return download;
}

/* Is a name that is not there most likely meant as the place for the one before? */
static bool is_place(const struct invocation *invocation, const char *name)
{
    const struct options *options = invocation->options;

    return options->operand_count == 2 && strcmp(options->operands[1], name) == 0 &&
           !options_have(options, OPTION_OUTPUT) && !options_have(options, OPTION_INTO);
}

/* Removes stale parts, unless this folder has none. `kept` is the name of the part at hand, or "". */
static void clean_parts(struct rules *rules, const struct target *target, const char *name,
                        const char *kept)
{
    struct stat folder;

    if (fstat(target->folder, &folder) == 0 && !descriptor_is_same(&folder, &rules->cleaned) &&
        !part_clean(target->folder, name, kept))
        rules->cleaned = folder;
}

/* For --resume: asks which file the server has, and opens its part, with which the download begins. */
static int open_part(struct invocation *invocation, struct download *download,
                     struct target *target)
{
    int code = download_look(&invocation->connection, download);

    if (code < 0)
        return code;
    if (download->digest[0] == '\0') {
        console_note("%s: nothing of it could be kept, because the server has no digest of it",
                     download->name);
        code = target_open(target, invocation->failure);
    } else {
        code = target_open_part(target, download->name, download->digest, invocation->failure);
    }
    if (code < 0)
        return code;
    clean_parts(invocation->state, target, download->name, target->temporary);
    return download_take_part(download, target->fd, invocation->failure);
}

/*
 * Fetches a file, in as many attempts as the settings allow; with --dry-run only looks at it. With a
 * target, its part is opened first.
 */
static int fetch(struct invocation *invocation, struct download *download, struct target *target)
{
    struct connection *connection = &invocation->connection;
    const char *hint = listing_hint(
        download->name, " (for a pattern use: fsc ls --match PATTERN | fsc get --files-from -)");
    struct retry retry;
    int code = 0;

    retry_begin(&retry, connection);
    do {
        code = target != NULL && target->fd < 0 ? open_part(invocation, download, target) : 0;
        if (code == 0)
            code = invocation_has(invocation, OPTION_DRY_RUN) ? download_look(connection, download)
                                                              : download_get(connection, download);
        if (code == -REASON_MISMATCH && download->has_part) {
            download->has_part = false;
            download->is_damaged = true;
            download->digest[0] = '\0';
            code = download_get(connection, download);
        }
        if (retry.left > 0 && !download_can_resume(download)) {
            retry.left = 0;
            if (retry_may_help(code))
                console_note("%s: not tried again: what went to %s cannot be taken back (--spool "
                             "keeps it until all of it is there)",
                             download->name, download->local);
        }
    } while (retry_again(&retry, code));
    if (code == -REASON_NOT_A_FILE)
        return fail(connection->failure, REASON_NOT_A_FILE, download->name,
                    "%s (use -R to fetch a folder)", reason_text(REASON_NOT_A_FILE));
    if (code == -REASON_NOT_FOUND && hint[0] != '\0')
        return fail(connection->failure, REASON_NOT_FOUND, download->name, "%s%s",
                    reason_text(REASON_NOT_FOUND), hint);
    if (code == -REASON_NOT_FOUND && is_place(invocation, download->name))
        return fail(connection->failure, REASON_NOT_FOUND, download->name,
                    "%s (use --output %s to fetch the first one to there)",
                    reason_text(REASON_NOT_FOUND), download->name);
    return code;
}

/*
 * Fetches a file to standard output or a command. With --spool nothing goes there before all of it is
 * verified.
 */
static int fetch_stream(struct invocation *invocation, struct download *download)
{
    struct download whole = *download;

    if (!invocation_has(invocation, OPTION_SPOOL) || invocation_has(invocation, OPTION_DRY_RUN))
        return fetch(invocation, download, NULL);
    whole.command = NULL;
    whole.local = spool_name();
    whole.can_restart = true;
    whole.is_spool = true;
    int code = spool_open(&whole.fd, invocation->failure);
    if (code < 0)
        return code;
    code = fetch(invocation, &whole, NULL);
    download->size = whole.size;
    memcpy(download->digest, whole.digest, DIGEST_ROOM);
    if (code == 0)
        code = download_deliver(&invocation->connection, download, whole.fd);
    (void)close(whole.fd);
    return code;
}

/*
 * Is the file that is there already the one that would be fetched? Then there is no download.
 * Returns 0 if it is, -REASON_EXISTS if not, or another reason.
 */
static int compare_local(struct invocation *invocation, struct download *download,
                         const struct target *target)
{
    struct connection *connection = &invocation->connection;
    struct failure *failure = invocation->failure;
    struct retry retry;
    int code = target_digest(target, &download->size, download->digest, failure);

    /* What cannot be read can still be replaced. */
    if (code < 0)
        return invocation_has(invocation, OPTION_FORCE) ? -REASON_EXISTS : code;
    if (download->wanted[0] != '\0' && strcmp(download->wanted, download->digest) != 0)
        return target_fail_exists(target, failure);
    retry_begin(&retry, connection);
    do
        code = download_compare(connection, download);
    while (retry_again(&retry, code));
    /* With --sha256 it is the server that has other bytes, as the failure says. */
    if (code == -REASON_EXISTS)
        return download->wanted[0] != '\0' ? -REASON_MISMATCH : target_fail_exists(target, failure);
    return code;
}

/* Writes what a claim calls a local file, whose path is for fstatat(2): empty if it is gone. */
static void print_id(int base, const char *path, int flags, char *text, size_t room)
{
    struct stat status;

    text[0] = '\0';
    if (fstatat(base, path, &status, flags | AT_SYMLINK_NOFOLLOW) == 0)
        (void)snprintf(text, room, "%ju %ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
}

/* Fetches a file to its target, which is not yet opened. */
static int fetch_to_target(struct invocation *invocation, struct download *download,
                           struct target *target)
{
    struct rules *rules = invocation->state;
    bool force = invocation_has(invocation, OPTION_FORCE);
    bool resumes = invocation_has(invocation, OPTION_RESUME);
    char id[64];
    int code = 0;

    download->local = target->path;
    download->can_restart = target->kind != TARGET_DEVICE;
    if (resumes && !download->can_restart)
        return fail(invocation->failure, REASON_USAGE, target->path,
                    "--resume needs a file, and this is a device or FIFO");
    if (!resumes)
        code = target_open(target, invocation->failure);
    download->fd = target->fd;
    if (code == 0)
        code = fetch(invocation, download, resumes ? target : NULL);
    /* What came is kept, if it can be the beginning of that file. */
    target->keeps_part = code < 0 && code != -REASON_MISMATCH && code != -REASON_BREACH &&
                         target->is_part && download->written > 0 &&
                         part_has_digest(target->temporary, download->digest) &&
                         sparse_finish(&download->file, target->fd) == 0;
    if (code == 0)
        code = target_commit(target, force, download->digest, invocation->failure);
    if (code == 0 && force) {
        print_id(target->fd, "", AT_EMPTY_PATH, id, sizeof id);
        claims_note(&rules->claims, id, strlen(id), download->name);
    }
    return code;
}

/* Fetches a file to a target that was looked at with the result `code`, and releases the target. */
static int get_to_target(struct invocation *invocation, const char *name, struct target *target,
                         int code)
{
    struct rules *rules = invocation->state;
    struct download download = begin_download(invocation, name);
    bool force = invocation_has(invocation, OPTION_FORCE);
    bool is_dry = invocation_has(invocation, OPTION_DRY_RUN);
    bool is_there = code == 0 && target->kind == TARGET_FILE;
    struct report report = {.name = name, .local = target->path, .done = "already there"};
    char id[64] = "";
    /* Two names can lead to one file: by a link, or where upper and lower case are the same. */
    if (force && is_there)
        print_id(target->folder, target->last, 0, id, sizeof id);
    bool is_ours = claims_conflict(&rules->claims, id, strlen(id), name);

    if (is_there)
        code = compare_local(invocation, &download, target);
    bool has_other = is_there && code == -REASON_EXISTS;
    if (has_other && is_ours) {
        code = fail(invocation->failure, REASON_EXISTS, target->path,
                    "another file of this run, with different content, was written there");
    } else if ((code == 0 && !is_there) || (has_other && force)) {
        download = begin_download(invocation, name);
        report.done = !is_dry ? "fetched" : is_there ? "to be replaced" : "to be fetched";
        code = is_dry ? fetch(invocation, &download, NULL)
                      : fetch_to_target(invocation, &download, target);
    } else if (code == 0 && !is_dry && invocation_has(invocation, OPTION_RESUME)) {
        clean_parts(rules, target, name, "");
    }
    if (code == 0 && is_dry)
        code = invocation_print_plan(invocation, report.done, name);
    report.size = download.size;
    report.digest = download.digest;
    report.began_ms = download.began_ms;
    (void)invocation_report_file(invocation, code, &report);
    /* That a temporary file is left does not change what was done. */
    if (target_close(target, invocation->failure) < 0)
        failure_print(invocation->failure);
    return code;
}

/* The path of what goes `below` the folder of --into, to be freed. */
static char *local_path(const struct invocation *invocation, const char *below)
{
    const char *into = invocation->options->values[OPTION_INTO];
    char *path = NULL;
    size_t folder = into != NULL ? strlen(into) : 0;
    int length = asprintf(&path, "%s%s%s", into != NULL ? into : "",
                          folder > 0 && into[folder - 1] != '/' ? "/" : "", below);

    return length < 0 ? NULL : path;
}

/* Fetches a file to standard output, or to the file of --output. */
static int get_to_output(struct invocation *invocation, const char *name)
{
    const char *output = invocation->options->values[OPTION_OUTPUT];
    struct target target;

    if (strcmp(output, "-") != 0) {
        int looked = target_look(&target, output, invocation->failure);
        return get_to_target(invocation, name, &target, looked);
    }
    struct download download = begin_download(invocation, name);
    download.fd = STDOUT_FILENO;
    download.local = "standard output";
    int code = fetch_stream(invocation, &download);
    bool is_dry = invocation_has(invocation, OPTION_DRY_RUN);
    /* Where the signal PIPE is ignored, it ends here, too. */
    invocation->is_unread = code == -REASON_LOCAL && invocation->failure->text[0] == '\0';
    if (code == 0 && is_dry)
        code = invocation_print_plan(invocation, "to be fetched", name);
    const struct report report = {.name = name,
                                  .local = download.local,
                                  .done = is_dry ? "to be fetched" : "fetched",
                                  .size = download.size,
                                  .digest = download.digest,
                                  .began_ms = download.began_ms};
    return invocation_report_file(invocation, code, &report);
}

/*
 * Lists the files to be fetched: all below the folder `name`, or those that match and are selected
 * there. Returns 0 or a reason; even then `entries` has what can be fetched.
 */
static int list_files(struct invocation *invocation, const char *name, struct entries *entries)
{
    const struct rules *rules = invocation->state;
    const struct selection *selection = &rules->selection;
    const char *into = invocation->options->values[OPTION_INTO];
    struct failure *failure = invocation->failure;
    const struct listing_request request = {.name = name,
                                            .command = "get",
                                            .match = invocation->options->values[OPTION_MATCH],
                                            .deep = invocation_has(invocation, OPTION_RECURSIVE),
                                            .details =
                                                selection->needs_details || progress_is_wanted()};
    int code = entries_read(entries, request.details ? ENTRIES_DETAILS : ENTRIES_NAMES,
                            &invocation->connection, &request);
    /* Among files that cannot be listed there may be newer ones. */
    bool is_usable = code == 0 || (code == -REASON_INCOMPLETE && !selection->needs_details &&
                                   !invocation_has(invocation, OPTION_FAIL_FAST));
    int applied = is_usable ? selection_apply(selection, entries, failure) : 0;

    if (!is_usable || applied < 0)
        entries->count = 0;
    if (applied < 0)
        return applied;
    if (code == -REASON_EMPTY && request.match != NULL)
        return fail(failure, REASON_NOT_FOUND, listing_subject(&request),
                    "no file in the library matches %s", request.match);
    if (code == -REASON_EMPTY)
        return fail(failure, REASON_NOT_FOUND, name, "no such file or folder in the library%s",
                    into == NULL && is_place(invocation, name)
                        ? " (use --into DIR to fetch into a folder)"
                        : "");
    return code;
}

/*
 * Fetches the files of a folder, or of the library for NULL: with -R all below it, to paths that
 * begin with the last component of the folder; with --match those that match.
 */
static int get_folder(struct invocation *invocation, const char *name)
{
    const char *into = invocation->options->values[OPTION_INTO];
    bool is_deep = invocation_has(invocation, OPTION_RECURSIVE);
    bool has_output = invocation_has(invocation, OPTION_OUTPUT);
    const char *last = name != NULL ? name_last_component(name) : "";
    size_t above = name != NULL ? (size_t)(last - name) : 0;
    bool is_dry = invocation_has(invocation, OPTION_DRY_RUN);
    struct failure *failure = invocation->failure;
    struct entries entries = {.count = 0};
    int base = target_open_folder(into != NULL ? into : ".");
    int first = 0;

    if (base < 0 && errno == ENOENT && into != NULL)
        first = fail(failure, REASON_LOCAL, name,
                     "the local folder %s does not exist (make it first)", into);
    else if (base < 0)
        first = fail_errno(failure, REASON_LOCAL, into != NULL ? into : ".", "cannot write");
    else
        first = list_files(invocation, name, &entries);
    if (first < 0 && name != NULL) {
        char *path = local_path(invocation, last);
        const struct report report = {.name = name, .local = path != NULL ? path : name};
        (void)invocation_report_file(invocation, first, &report);
        free(path);
    }
    progress_expect(entries.count, entries_size(&entries));
    for (size_t i = 0; i < entries.count && !invocation_is_over(invocation); i++) {
        struct target target;
        struct entry entry;
        entries_get(&entries, i, &entry);
        const char *below = is_deep ? entry.name + above : name_last_component(entry.name);
        char *path = local_path(invocation, below);
        int code = 0;
        if (path == NULL) {
            code = fail_errno(failure, REASON_LOCAL, entry.name, "no memory");
            (void)invocation_report(invocation, code);
        } else if (has_output) {
            code = get_to_output(invocation, entry.name);
        } else {
            code = target_look_below(&target, base, below, path, !is_dry, failure);
            code = get_to_target(invocation, entry.name, &target, code);
        }
        first = first < 0 ? first : code;
        free(path);
    }
    entries_free(&entries);
    descriptor_close(base);
    return first;
}

/*
 * Checks an operand as a name. The last of several that cannot be one, or has the name of a local
 * folder, is most likely meant as the place to write to.
 */
static int check_operand(struct invocation *invocation, const char *operand)
{
    const struct options *options = invocation->options;
    bool is_deep = options_have(options, OPTION_RECURSIVE) || options_have(options, OPTION_MATCH);
    bool has_place = options_have(options, OPTION_INTO) || options_have(options, OPTION_OUTPUT);
    bool is_last = options->operand_count > 1 &&
                   operand == options->operands[options->operand_count - 1] && !has_place;
    size_t length = strlen(operand);
    size_t bare_length = name_length_without_slash(operand, length);
    bool ends_in_slash = bare_length < length;
    struct stat status;
    bool is_folder = stat(operand, &status) == 0 && S_ISDIR(status.st_mode);

    if (is_last && (operand[0] == '/' || operand[0] == '.') && name_fault(operand, length) != NULL)
        return is_folder || ends_in_slash || options->operand_count > 2
                   ? fail(invocation->failure, REASON_USAGE, operand,
                          "is a local path, not a name (use --into %.*s to fetch into that folder)",
                          (int)bare_length, operand)
                   : fail(invocation->failure, REASON_USAGE, operand,
                          "is a local path, not a name (use --output %s to write to that file)",
                          operand);
    if (is_last && !is_deep && (is_folder || ends_in_slash))
        return fail(invocation->failure, REASON_USAGE, operand,
                    "%s (use --into %.*s to fetch into the local folder, or -R to fetch a folder)",
                    is_folder ? "is a folder here" : "not the name of a file", (int)bare_length,
                    operand);
    if (ends_in_slash && !is_deep && name_is_valid(operand, bare_length))
        return fail(invocation->failure, REASON_USAGE, operand,
                    "not the name of a file (use -R to fetch a folder)");
    if (is_deep && operand[0] != '\0' && invocation_bare_name(operand)[0] == '\0')
        return fail(invocation->failure, REASON_USAGE, operand,
                    "not a name (for all of the library use: fsc ls | fsc get -R --files-from -)");
    return invocation_check_name(invocation, operand, is_deep ? bare_length : length);
}

/*
 * Gives a file to the command after "--". Unless all of it came and is verified, the command is ended
 * before it sees the end of its input.
 */
static int get_to_command(struct invocation *invocation, const char *unused)
{
    const struct options *options = invocation->options;
    const char *name = options->operands[0];
    bool is_dry = options_have(options, OPTION_DRY_RUN);
    struct download download = begin_download(invocation, name);

    (void)unused;
    download.command = options->operands + 1;
    download.child.fd = -1;
    download.local = options->operands[1];
    if (is_dry)
        console_say("%s: not run in a dry run", download.local);
    int code = fetch_stream(invocation, &download);
    if (code == 0 && is_dry) {
        code = invocation_print_plan(invocation, "to be fetched", name);
    } else if (code == 0) {
        code = download_end_command(&download);
    }
    const struct report report = {.name = name,
                                  .done = is_dry ? "to be fetched" : "fetched",
                                  .size = download.size,
                                  .digest = download.digest,
                                  .child = &download.child,
                                  .began_ms = download.began_ms};
    (void)invocation_report_file(invocation, code, &report);
    child_kill(&download.child);
    return code;
}

static int get_one(struct invocation *invocation, const char *operand)
{
    const char *into = invocation->options->values[OPTION_INTO];
    bool is_folder =
        invocation_has(invocation, OPTION_RECURSIVE) || invocation_has(invocation, OPTION_MATCH);
    size_t length =
        is_folder ? name_length_without_slash(operand, strlen(operand)) : strlen(operand);
    bool is_dry = invocation_has(invocation, OPTION_DRY_RUN);
    struct failure *failure = invocation->failure;
    struct target target;
    char name[NAME_LONGEST + 1];
    int code = check_operand(invocation, operand);

    if (code < 0) {
        const struct report report = {.name = operand, .local = ""};
        return invocation_report_file(invocation, code, &report);
    }
    memcpy(name, operand, length);
    name[length] = '\0';
    if (is_folder)
        return get_folder(invocation, name);
    if (invocation_has(invocation, OPTION_OUTPUT))
        return get_to_output(invocation, name);
    char *path = local_path(invocation, name_last_component(name));
    if (path == NULL)
        return fail_errno(failure, REASON_LOCAL, name, "no memory");
    int base = target_open_folder(into != NULL ? into : ".");
    code = target_look_below(&target, base, name_last_component(name), path, !is_dry, failure);
    descriptor_close(base);
    code = get_to_target(invocation, name, &target, code);
    free(path);
    return code;
}

/* Checks the options and operands, and sets the rules by them. */
static int read_options(struct invocation *invocation, struct rules *rules)
{
    static const enum option excluded[][2] = {
        {OPTION_OUTPUT, OPTION_INTO},          {OPTION_FORCE, OPTION_FILES_FROM},
        {OPTION_RECURSIVE, OPTION_SHA256},     {OPTION_RECURSIVE, OPTION_WAIT},
        {OPTION_FILES_FROM, OPTION_SHA256},    {OPTION_TO_COMMAND, OPTION_OUTPUT},
        {OPTION_TO_COMMAND, OPTION_INTO},      {OPTION_TO_COMMAND, OPTION_FORCE},
        {OPTION_TO_COMMAND, OPTION_RECURSIVE}, {OPTION_TO_COMMAND, OPTION_FILES_FROM},
        {OPTION_MATCH, OPTION_TO_COMMAND},     {OPTION_MATCH, OPTION_SHA256},
        {OPTION_MATCH, OPTION_WAIT},           {OPTION_RESUME, OPTION_TO_COMMAND},
    };
    const struct options *options = invocation->options;
    struct failure *failure = invocation->failure;
    const char *output = options->values[OPTION_OUTPUT];
    const char *into = options->values[OPTION_INTO];
    bool is_stdout = output != NULL && strcmp(output, "-") == 0;
    bool has_command = options_have(options, OPTION_TO_COMMAND);
    bool has_match = options_have(options, OPTION_MATCH);
    bool has_list = options_have(options, OPTION_FILES_FROM);
    size_t names = has_command ? 1 : options->operand_count;
    int code = options_exclude(options, excluded, sizeof excluded / sizeof excluded[0], failure);

    if (code < 0)
        return code;
    if (!has_match && names == 0 && !has_list)
        return fail(failure, REASON_USAGE, "get",
                    "needs NAME... or --match PATTERN (see fsc help get)");
    if (options_have(options, OPTION_NEWEST) && !has_match &&
        !options_have(options, OPTION_RECURSIVE))
        return fail(failure, REASON_USAGE, "get",
                    "--newest needs --match PATTERN, such as '*' for all files, or -R");
    if (has_command &&
        (!options->only_operands || options->dashes != 1 || options->operand_count < 2))
        return fail(failure, REASON_USAGE, "get",
                    "--to-command needs one NAME, then -- and the command");
    if (options_have(options, OPTION_SPOOL) && !has_command && !is_stdout)
        return fail(failure, REASON_USAGE, "get", "--spool needs --output - or --to-command");
    if (is_stdout && options_have(options, OPTION_RESUME))
        return fail(failure, REASON_USAGE, "get",
                    "--resume needs a file, not standard output (use --output FILE)");
    if (output != NULL && options_have(options, OPTION_RECURSIVE))
        return fail(failure, REASON_USAGE, "get",
                    "--output FILE takes no folder (use --into DIR for what -R fetches)");
    if (is_stdout && options_have(options, OPTION_JSON))
        return fail(failure, REASON_USAGE, "get",
                    "--json and --output - would both write to standard output");
    if (output != NULL && !is_stdout && (names > 1 || has_list))
        return fail(failure, REASON_USAGE, "get",
                    "--output FILE takes one NAME (use --into for several)");
    if (options_have(options, OPTION_SHA256) && names > 1)
        return fail(failure, REASON_USAGE, "get", "--sha256 takes one NAME");
    if ((output != NULL && output[0] == '\0') || (into != NULL && into[0] == '\0'))
        return fail(failure, REASON_USAGE, "get", "the path is empty");
    code = selection_read(&rules->selection, options, failure);
    if (code == 0 && has_match && output != NULL && !is_stdout && rules->selection.newest != 1)
        return fail(failure, REASON_USAGE, "get",
                    "--output FILE takes one NAME (use --newest 1, or --into for several)");
    if (code == 0)
        code = listing_check_pattern(options, failure);
    if (code == 0)
        code = options_digest(options, OPTION_SHA256, rules->wanted, failure);
    if (code == 0)
        code = options_time(options, OPTION_WAIT, &rules->wait_ms, failure);
    if (code == 0)
        code = invocation_limit_rate(invocation);
    if (code == 0)
        code = has_command ? check_operand(invocation, options->operands[0])
                           : invocation_check_each(invocation, check_operand);
    if (code == 0 && output == NULL && !has_match && options_have(options, OPTION_FORCE))
        code = check_last(options, failure);
    if (code == 0 && options_have(options, OPTION_FORCE) && claims_begin(&rules->claims) < 0)
        code = fail_errno(failure, REASON_INTERNAL, "get", "no memory");
    return code;
}

int get_run(struct invocation *invocation)
{
    const struct options *options = invocation->options;
    bool is_folder = options_have(options, OPTION_MATCH) || options_have(options, OPTION_RECURSIVE);
    struct rules rules = {.wait_ms = invocation->settings.limits.wait_ms};
    int code = read_options(invocation, &rules);

    if (code < 0)
        return code;
    invocation->state = &rules;
    if (options_have(options, OPTION_TO_COMMAND)) {
        code = invocation_run_once(invocation, get_to_command);
    } else if (options->operand_count == 0 && !options_have(options, OPTION_FILES_FROM)) {
        code = invocation_run_once(invocation, get_folder);
    } else {
        if (!is_folder && options->operand_count > 1)
            progress_expect(options->operand_count, -1);
        code = invocation_run_each(invocation, get_one, NULL);
    }
    invocation->state = NULL;
    claims_free(&rules.claims);
    return code;
}
