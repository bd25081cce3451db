#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/output.h"
#include "cli/target.h"
#include "cli/transfer.h"
#include "protocol/name.h"

/* A file that is there already needs no download when it has the same bytes. */
static int compare_local(struct invocation *invocation, const char *name, const char *path,
                         int64_t size, const char digest[DIGEST_ROOM])
{
    int code = transfer_compare(&invocation->connection, name, size, digest);

    return code == -REASON_EXISTS
               ? complain(REASON_EXISTS, path, "a file with other bytes is there")
               : code;
}

static int fetch(struct invocation *invocation, const char *name, const char *path,
                 enum target_kind kind)
{
    struct target target;
    char digest[DIGEST_ROOM] = "";
    bool force = invocation->options->values[OPTION_FORCE] != NULL;
    int code = target_open(&target, path, kind);

    if (code < 0)
        return code;
    code = transfer_get(&invocation->connection, name, target.fd, path, digest);
    if (code == 0)
        code = target_commit(&target, force, digest);
    target_close(&target);
    return code;
}

static int get_to_file(struct invocation *invocation, const char *name, const char *path)
{
    enum target_kind kind = TARGET_FREE;
    int64_t size = 0;
    char digest[DIGEST_ROOM];
    bool force = invocation->options->values[OPTION_FORCE] != NULL;
    int code = target_look(path, !force, &kind, &size, digest);

    if (code < 0)
        return code;
    if (kind == TARGET_FILE && !force)
        return compare_local(invocation, name, path, size, digest);
    return fetch(invocation, name, path, kind);
}

static int get_one(struct invocation *invocation, const char *name)
{
    const char *output = invocation->options->values[OPTION_OUTPUT];
    const char *into = invocation->options->values[OPTION_INTO];
    const char *fault = name_fault(name, strlen(name));
    const char *slash = strrchr(name, '/');
    char digest[DIGEST_ROOM];
    char *path = NULL;

    if (fault != NULL)
        return complain(REASON_USAGE, name, "no name: %s", fault);
    if (output != NULL && strcmp(output, "-") == 0)
        return transfer_get(&invocation->connection, name, STDOUT_FILENO, "standard output",
                            digest);
    if (output != NULL)
        return get_to_file(invocation, name, output);
    if (asprintf(&path, "%s%s%s", into != NULL ? into : "", into != NULL ? "/" : "",
                 slash != NULL ? slash + 1 : name) < 0)
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
