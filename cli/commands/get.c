#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/download.h"
#include "cli/entries.h"
#include "cli/folders.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/retry.h"
#include "cli/target.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"

/* What a run of the command is told. */
struct getting {
    char wanted[DIGEST_ROOM]; /* empty: any content will do */
    int64_t wait_ms;          /* for each name */
};

static bool has(const struct invocation *invocation, enum option option)
{
    return options_have(invocation->options, option);
}

static int by_last(const void *left, const void *right)
{
    const char *const *a = left;
    const char *const *b = right;

    return strcmp(name_last_component(*a), name_last_component(*b));
}

/*
 * Would one operand take the local file of another? The same name twice does not, nor a folder with
 * and without a slash behind it.
 */
static bool has_same_last(const struct options *options)
{
    char **names = calloc(options->operand_count, sizeof *names);
    size_t count = 0;
    bool found = false;

    for (; names != NULL && count < options->operand_count; count++) {
        const char *operand = options->operands[count];
        names[count] = strndup(operand, name_length_without_slash(operand, strlen(operand)));
        if (names[count] == NULL)
            break;
    }
    if (count > 0)
        qsort(names, count, sizeof *names, by_last);
    for (size_t i = 1; i < count && !found; i++)
        found = by_last(&names[i - 1], &names[i]) == 0 && strcmp(names[i - 1], names[i]) != 0;
    while (count > 0)
        free(names[--count]);
    free(names);
    return found;
}

/* Tells what became of a file. Returns `code`. */
static int report(const struct invocation *invocation, const char *name, const char *local,
                  int code, const struct outcome *outcome)
{
    if (has(invocation, OPTION_JSON))
        report_print(name, local, "fetched", code, outcome);
    return code;
}

/* What is to be fetched; where to is still to be told. */
static struct download describe(const struct invocation *invocation, const char *name)
{
    const struct getting *getting = invocation->state;
    struct download download = {.name = name, .fd = -1};

    memcpy(download.wanted, getting->wanted, DIGEST_ROOM);
    if (has(invocation, OPTION_WAIT))
        download.wait_until_ms = clock_ms() + getting->wait_ms;
    return download;
}

/* A file that is there already needs no download when it has the same bytes. */
static int compare_local(struct invocation *invocation, const char *name,
                         const struct target *target, struct outcome *outcome)
{
    struct download download = describe(invocation, name);
    struct retry retry;
    int code = 0;

    outcome->was_there = true;
    outcome->size = target_digest(target, outcome->digest);
    if (outcome->size < 0)
        return -REASON_LOCAL;
    if (download.wanted[0] != '\0' && strcmp(download.wanted, outcome->digest) != 0)
        return target_complain_exists(target);
    retry_begin(&retry, &invocation->connection);
    do
        code = download_compare(&invocation->connection, &download, outcome->size, outcome->digest);
    while (retry_again(&retry, code));
    retry_end(code);
    if (code == -REASON_EXISTS && download.wanted[0] != '\0')
        return complain(REASON_MISMATCH, name, "%s", invocation->connection.why);
    return code == -REASON_EXISTS ? target_complain_exists(target) : code;
}

static int fetch(struct invocation *invocation, struct download *download, struct outcome *outcome)
{
    struct retry retry;
    int code = 0;

    retry_begin(&retry, &invocation->connection);
    do {
        code = download_get(&invocation->connection, download);
        if (!download_can_go_on(download))
            retry.left = 0;
    } while (retry_again(&retry, code));
    retry_end(code);
    outcome->size = download->size;
    memcpy(outcome->digest, download->digest, DIGEST_ROOM);
    return code;
}

static int fetch_to_target(struct invocation *invocation, const char *name, struct target *target,
                           struct outcome *outcome)
{
    int code = target_open(target);
    struct download download = describe(invocation, name);

    download.fd = target->fd;
    download.local = target->path;
    download.can_begin_anew = target->kind != TARGET_DEVICE;
    if (code == 0)
        code = fetch(invocation, &download, outcome);
    return code == 0 ? target_commit(target, has(invocation, OPTION_FORCE), outcome->digest) : code;
}

/* Fetches a file to a target that was looked at with the result `code`, and releases that. */
static int get_to_target(struct invocation *invocation, const char *name, struct target *target,
                         int code)
{
    struct outcome outcome = {.size = 0};

    if (code == 0)
        code = target->kind == TARGET_FILE && !has(invocation, OPTION_FORCE)
                   ? compare_local(invocation, name, target, &outcome)
                   : fetch_to_target(invocation, name, target, &outcome);
    (void)report(invocation, name, target->path, code, &outcome);
    target_close(target);
    return code;
}

static int get_to_stdout(struct invocation *invocation, const char *name)
{
    struct download download = describe(invocation, name);
    struct outcome outcome = {.size = 0};

    download.fd = STDOUT_FILENO;
    download.local = "standard output";
    return fetch(invocation, &download, &outcome);
}

/* The path below --into, to be freed. */
static char *local_path(const struct invocation *invocation, const char *below)
{
    const char *into = invocation->options->values[OPTION_INTO];
    char *path = NULL;
    int length =
        asprintf(&path, "%s%s%s", into != NULL ? into : "", into != NULL ? "/" : "", below);

    return length < 0 ? NULL : path;
}

/* A folder that is fetched. */
struct folder {
    const char *name;
    const char *last; /* its last component, where its files' paths below --into begin */
    int base;         /* the local folder that it is fetched into */
    struct entries entries;
};

/* Fetches a file of a folder; `below` is its path below --into. */
static int get_found(struct invocation *invocation, const struct folder *folder, const char *name)
{
    const char *below = name + (folder->last - folder->name);
    const char *last = name_last_component(below);
    char *path = local_path(invocation, below);
    const struct outcome none = {.size = 0};
    struct target target;
    int code = 0;

    if (path == NULL)
        return complain_errno(REASON_LOCAL, name, "no memory");
    int parent = folders_open_below(folder->base, below, (size_t)(last - below));
    if (parent < 0)
        code = report(invocation, name, path,
                      complain_errno(REASON_LOCAL, path, "cannot make its folder"), &none);
    else
        code =
            get_to_target(invocation, name, &target, target_look_in(&target, parent, last, path));
    descriptor_close(parent);
    free(path);
    return code;
}

static int get_all_found(struct invocation *invocation, struct folder *folder)
{
    int first = 0;

    for (size_t i = 0; i < folder->entries.count && !invocation->connection.unreachable; i++) {
        struct entry entry;
        entries_get(&folder->entries, i, &entry);
        int code = get_found(invocation, folder, entry.name);
        first = first < 0 ? first : code;
    }
    return first;
}

/* Learns what is below a folder, and opens where it goes. */
static int find_all(struct invocation *invocation, struct folder *folder)
{
    const struct listing_request request = {.name = folder->name, .deep = true};
    const char *into = invocation->options->values[OPTION_INTO];

    folder->base = open(into != NULL ? into : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->base < 0)
        return complain_errno(REASON_LOCAL, into != NULL ? into : ".", "cannot write");
    int code = entries_read(&folder->entries, ENTRIES_NAMES, &invocation->connection, &request);
    return code == -REASON_EMPTY
               ? complain(REASON_NOT_FOUND, folder->name, "no such file or folder")
               : code;
}

static int get_folder(struct invocation *invocation, const char *name)
{
    struct folder folder = {.name = name, .last = name_last_component(name), .base = -1};
    const struct outcome none = {.size = 0};
    int code = find_all(invocation, &folder);

    if (code < 0) {
        char *path = local_path(invocation, folder.last);
        (void)report(invocation, name, path != NULL ? path : name, code, &none);
        free(path);
    } else {
        code = get_all_found(invocation, &folder);
    }
    entries_free(&folder.entries);
    descriptor_close(folder.base);
    return code;
}

static int get_file(struct invocation *invocation, const char *name)
{
    const char *output = invocation->options->values[OPTION_OUTPUT];
    struct target target;

    if (output != NULL && strcmp(output, "-") == 0)
        return get_to_stdout(invocation, name);
    if (output != NULL)
        return get_to_target(invocation, name, &target, target_look(&target, output));
    char *path = local_path(invocation, name_last_component(name));
    if (path == NULL)
        return complain_errno(REASON_LOCAL, name, "no memory");
    int code = get_to_target(invocation, name, &target, target_look(&target, path));
    free(path);
    return code;
}

static int get_one(struct invocation *invocation, const char *operand)
{
    const struct outcome none = {.size = 0};
    bool is_deep = has(invocation, OPTION_RECURSIVE);
    size_t length = is_deep ? name_length_without_slash(operand, strlen(operand)) : strlen(operand);
    const char *fault = name_fault(operand, length);
    char name[NAME_LONGEST + 1];

    if (fault != NULL)
        return report(invocation, operand, "",
                      complain(REASON_USAGE, operand, "no name: %s", fault), &none);
    memcpy(name, operand, length);
    name[length] = '\0';
    return is_deep ? get_folder(invocation, name) : get_file(invocation, name);
}

static int judge_usage(const struct options *options)
{
    static const enum option excluded[][2] = {
        {OPTION_OUTPUT, OPTION_INTO},      {OPTION_OUTPUT, OPTION_RECURSIVE},
        {OPTION_FORCE, OPTION_FILES_FROM}, {OPTION_RECURSIVE, OPTION_SHA256},
        {OPTION_RECURSIVE, OPTION_WAIT},   {OPTION_FILES_FROM, OPTION_SHA256},
    };
    const char *output = options->values[OPTION_OUTPUT];
    const char *into = options->values[OPTION_INTO];
    bool is_stdout = output != NULL && strcmp(output, "-") == 0;
    int code = 0;

    for (size_t i = 0; code == 0 && i < sizeof excluded / sizeof excluded[0]; i++)
        code = options_exclude(options, excluded[i][0], excluded[i][1]);
    if (code < 0)
        return code;
    if (is_stdout && options_have(options, OPTION_JSON))
        return complain(REASON_USAGE, "get", "--json and --output - would be one stream");
    if (output != NULL && !is_stdout &&
        (options->operand_count > 1 || options_have(options, OPTION_FILES_FROM)))
        return complain(REASON_USAGE, "get", "--output FILE goes with one NAME; see --into");
    if (options_have(options, OPTION_SHA256) && options->operand_count > 1)
        return complain(REASON_USAGE, "get", "--sha256 goes with one NAME");
    if (output == NULL && options_have(options, OPTION_FORCE) && has_same_last(options))
        return complain(REASON_USAGE, "get", "two of the names would become the same local file");
    if ((output != NULL && output[0] == '\0') || (into != NULL && into[0] == '\0'))
        return complain(REASON_USAGE, "get", "an empty path");
    return 0;
}

int get_run(struct invocation *invocation)
{
    const struct options *options = invocation->options;
    struct getting getting = {.wait_ms = invocation->settings.limits.wait_ms};
    int code = judge_usage(options);

    if (code == 0)
        code = options_digest(options, OPTION_SHA256, getting.wanted);
    if (code == 0)
        code = options_time(options, OPTION_WAIT, &getting.wait_ms);
    if (code < 0)
        return code;
    invocation->state = &getting;
    code = invocation_run_each(invocation, get_one, NULL);
    invocation->state = NULL;
    return code;
}
