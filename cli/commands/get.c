#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/download.h"
#include "cli/output.h"
#include "cli/target.h"
#include "protocol/name.h"

static const char *last_component(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash != NULL ? slash + 1 : name;
}

static int by_last(const void *left, const void *right)
{
    const char *const *a = left;
    const char *const *b = right;

    return strcmp(last_component(*a), last_component(*b));
}

/* Would one operand take the local file of another? The same name twice does not. */
static bool has_same_last(const struct options *options)
{
    size_t count = options->operand_count;
    const char **names = calloc(count, sizeof *names);
    bool found = false;

    if (names == NULL)
        return false;
    memcpy(names, options->operands, count * sizeof *names);
    qsort(names, count, sizeof *names, by_last);
    for (size_t i = 1; i < count && !found; i++)
        found = by_last(&names[i - 1], &names[i]) == 0 && strcmp(names[i - 1], names[i]) != 0;
    free(names);
    return found;
}

/* A file that is there already needs no download when it has the same bytes. */
static int compare_local(struct invocation *invocation, const char *name,
                         const struct target *target)
{
    char digest[DIGEST_ROOM];
    int64_t size = target_digest(target, digest);

    if (size < 0)
        return -REASON_LOCAL;
    int code = download_compare(&invocation->connection, name, size, digest);
    return code == -REASON_EXISTS ? target_complain_exists(target) : code;
}

static int fetch(struct invocation *invocation, const char *name, struct target *target)
{
    char digest[DIGEST_ROOM] = "";
    bool force = invocation->options->values[OPTION_FORCE] != NULL;
    int code = target_open(target);

    if (code == 0)
        code = download_get(&invocation->connection, name, target->fd, target->path, digest);
    return code == 0 ? target_commit(target, force, digest) : code;
}

static int get_to_file(struct invocation *invocation, const char *name, const char *path)
{
    struct target target;
    bool force = invocation->options->values[OPTION_FORCE] != NULL;
    int code = target_look(&target, path);

    if (code == 0)
        code = target.kind == TARGET_FILE && !force ? compare_local(invocation, name, &target)
                                                    : fetch(invocation, name, &target);
    target_close(&target);
    return code;
}

static int get_one(struct invocation *invocation, const char *name)
{
    const char *output = invocation->options->values[OPTION_OUTPUT];
    const char *into = invocation->options->values[OPTION_INTO];
    const char *fault = name_fault(name, strlen(name));
    char digest[DIGEST_ROOM];
    char *path = NULL;

    if (fault != NULL)
        return complain(REASON_USAGE, name, "no name: %s", fault);
    if (output != NULL && strcmp(output, "-") == 0)
        return download_get(&invocation->connection, name, STDOUT_FILENO, "standard output",
                            digest);
    if (output != NULL)
        return get_to_file(invocation, name, output);
    if (asprintf(&path, "%s%s%s", into != NULL ? into : "", into != NULL ? "/" : "",
                 last_component(name)) < 0)
        return complain_errno(REASON_LOCAL, name, "no memory");
    int code = get_to_file(invocation, name, path);
    free(path);
    return code;
}

static int judge_usage(const struct options *options)
{
    const char *output = options->values[OPTION_OUTPUT];
    const char *into = options->values[OPTION_INTO];

    if (output != NULL && into != NULL)
        return complain(REASON_USAGE, "get", "--output and --into exclude each other");
    if (output != NULL && strcmp(output, "-") != 0 && options->operand_count > 1)
        return complain(REASON_USAGE, "get", "--output FILE goes with one NAME; see --into");
    if (output == NULL && options->values[OPTION_FORCE] != NULL && has_same_last(options))
        return complain(REASON_USAGE, "get", "two of the names would become the same local file");
    if ((output != NULL && output[0] == '\0') || (into != NULL && into[0] == '\0'))
        return complain(REASON_USAGE, "get", "an empty path");
    return 0;
}

int get_run(struct invocation *invocation)
{
    int code = judge_usage(invocation->options);

    if (code < 0)
        return code;
    target_catch_signals();
    return invocation_run_each(invocation, get_one);
}
