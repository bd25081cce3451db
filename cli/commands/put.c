#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/output.h"
#include "cli/tree.h"
#include "cli/uploads.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"

enum {
    NAME_ROOM = 16384, /* for names before they are checked: no path on Linux is longer */
};

/* A run of the command. */
struct put {
    struct invocation *invocation;
    const struct options *options;
    struct upload_rules rules;
    char replace[DIGEST_ROOM]; /* the digest of the only content to be replaced */
    struct uploads uploads;
    char name[NAME_ROOM];
    size_t base; /* the length of the name of a folder that is walked */
};

static void report(void *context, const struct upload *upload, int code)
{
    const struct report report = {
        .name = upload->name,
        .local = upload->local,
        .done = upload->was_there ? "already there" : "stored",
        .size = upload->size,
        .digest = upload->digest,
    };

    (void)invocation_report_file(context, code, &report);
}

/* Reports, after the files before it, what cannot be stored. A text of NULL is that of errno. */
static void refuse(struct put *put, const char *local, const char *text)
{
    struct failure *failure = put->invocation->failure;

    uploads_refuse(&put->uploads, put->name, local,
                   text != NULL ? fail(failure, REASON_LOCAL, local, "%s", text)
                                : fail_errno(failure, REASON_LOCAL, local, "cannot read"));
}

/* Can a library have this name? If not, that is reported. */
static bool has_name(struct put *put, const char *local)
{
    const char *fault = name_fault(put->name, strlen(put->name));
    const char *last = name_last_component(put->name);
    bool is_dot = strcmp(last, ".") == 0 || strcmp(last, "..") == 0;
    bool has_no_name = is_dot && !options_have(put->options, OPTION_NAME);

    if (fault != NULL)
        uploads_refuse(&put->uploads, put->name, local,
                       fail(put->invocation->failure, REASON_USAGE, local,
                            "cannot be stored as \"%s\": %s%s", put->name, fault,
                            has_no_name ? " (use --name to give it a name)" : ""));
    return fault == NULL;
}

/* Makes the name under which an operand is stored. One that is cut off is too long to be valid. */
static void make_name(struct put *put, const char *operand)
{
    const char *folder = put->options->values[OPTION_FOLDER];
    const char *given = put->options->values[OPTION_NAME];
    size_t length = strlen(operand);
    size_t folder_length = folder != NULL ? name_length_without_slash(folder, strlen(folder)) : 0;

    if (options_have(put->options, OPTION_RECURSIVE)) {
        while (length > 1 && operand[length - 1] == '/')
            length--;
    }
    const char *slash = memrchr(operand, '/', length);
    const char *last = given != NULL ? given : slash != NULL ? slash + 1 : operand;
    size_t last_length = given != NULL ? strlen(given) : (size_t)(operand + length - last);
    (void)snprintf(put->name, NAME_ROOM, "%.*s%s%.*s", (int)folder_length,
                   folder != NULL ? folder : "", folder != NULL ? "/" : "", (int)last_length, last);
}

/* Stores what was found below a folder, or reports why not: nothing is skipped silently. */
static bool put_entry(void *context, const struct tree_entry *entry)
{
    struct put *put = context;

    (void)snprintf(put->name + put->base, NAME_ROOM - put->base, "%s%s",
                   entry->relative[0] != '\0' ? "/" : "", entry->relative);
    errno = entry->error;
    if (entry->kind == TREE_LINK) {
        refuse(put, entry->path, "is a symbolic link, which is not followed");
    } else if (entry->kind == TREE_SPECIAL) {
        refuse(put, entry->path, "is neither a file nor a folder");
    } else if (entry->kind == TREE_UNREADABLE) {
        refuse(put, entry->path, NULL);
    } else if (!has_name(put, entry->path)) {
        return entry->kind != TREE_FOLDER;
    } else if (entry->kind == TREE_FILE) {
        struct stat status;
        int fd = openat(entry->folder, entry->last,
                        O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
        /* It may have been replaced since it was found. */
        if (fd < 0 || fstat(fd, &status) < 0)
            refuse(put, entry->path, NULL);
        else if (!S_ISREG(status.st_mode))
            refuse(put, entry->path, "is no longer a regular file");
        else
            uploads_put(&put->uploads, put->name, fd, entry->path);
        descriptor_close(fd);
    }
    return !put->uploads.connection->unreachable;
}

static int put_one(struct invocation *invocation, const char *operand)
{
    struct put *put = invocation->state;
    bool is_stdin = strcmp(operand, "-") == 0;
    struct stat status;

    make_name(put, operand);
    /* On the command line this was checked before. */
    if (is_stdin && !options_have(put->options, OPTION_NAME)) {
        uploads_refuse(&put->uploads, put->name, operand,
                       fail(put->invocation->failure, REASON_USAGE, operand,
                            "standard input needs --name NAME"));
        return 0;
    }
    if (!has_name(put, operand))
        return 0;
    if (is_stdin) {
        uploads_put(&put->uploads, put->name, STDIN_FILENO, "standard input");
        return 0;
    }
    /* Opening a FIFO waits for its writer. */
    if (stat(operand, &status) == 0 && !S_ISREG(status.st_mode))
        uploads_settle(&put->uploads);
    int fd = open(operand, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        refuse(put, operand, NULL);
        return 0;
    }
    bool is_folder = fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
    if (is_folder && options_have(put->options, OPTION_RECURSIVE)) {
        put->base = strlen(put->name);
        tree_walk(fd, operand, put_entry, put);
        return 0;
    }
    if (is_folder)
        refuse(put, operand, "is a folder (use -R to store what is in it)");
    else
        uploads_put(&put->uploads, put->name, fd, operand);
    (void)close(fd);
    return 0;
}

static void settle(struct invocation *invocation)
{
    struct put *put = invocation->state;

    uploads_settle(&put->uploads);
}

/* Checks the options, and sets the rules by them. */
static int read_options(struct put *put)
{
    static const enum option excluded[][2] = {
        {OPTION_NAME, OPTION_FILES_FROM},  {OPTION_SHA256, OPTION_FILES_FROM},
        {OPTION_SHA256, OPTION_RECURSIVE}, {OPTION_REPLACE, OPTION_EXCLUSIVE},
        {OPTION_REPLACE, OPTION_IF_SAME},  {OPTION_EXCLUSIVE, OPTION_IF_SAME},
    };
    static const char kind[] = "sha256:";
    const struct options *options = put->options;
    struct failure *failure = put->invocation->failure;
    const char *name = options->values[OPTION_NAME];
    const char *replace = options->values[OPTION_REPLACE];
    int code = options_exclude(options, excluded, sizeof excluded / sizeof excluded[0], failure);

    if (code < 0)
        return code;
    if (options_have(options, OPTION_SHA256) && options->operand_count > 1)
        return fail(failure, REASON_USAGE, "put", "--sha256 takes one FILE");
    if (name != NULL && options->operand_count > 1)
        return fail(failure, REASON_USAGE, "put", "--name takes one FILE");
    for (size_t i = 0; i < options->operand_count; i++) {
        if (strcmp(options->operands[i], "-") == 0 && name == NULL)
            return fail(failure, REASON_USAGE, "put", "standard input needs --name NAME");
    }

    put->rules.exclusive = options_have(options, OPTION_EXCLUSIVE);
    put->rules.if_same = options_have(options, OPTION_IF_SAME);
    if (replace != NULL && replace[0] == '\0') {
        put->rules.replace = "1";
    } else if (replace != NULL) {
        if (strncmp(replace, kind, strlen(kind)) != 0 ||
            !digest_of_hex(replace + strlen(kind), put->replace))
            return fail(failure, REASON_USAGE, "put",
                        "--replace: must be sha256: and 64 hexadecimal digits");
        put->rules.replace = put->replace;
    }
    return options_digest(options, OPTION_SHA256, put->rules.digest, failure);
}

int put_run(struct invocation *invocation)
{
    struct put *put = calloc(1, sizeof *put);

    if (put == NULL)
        return fail_errno(invocation->failure, REASON_INTERNAL, "put", "no memory");
    put->invocation = invocation;
    put->options = invocation->options;
    put->uploads.connection = &invocation->connection;
    put->uploads.rules = &put->rules;
    put->uploads.report = report;
    put->uploads.context = invocation;
    invocation->state = put;
    int code = read_options(put);
    if (code == 0)
        code = invocation_run_each(invocation, put_one, settle);
    free(put);
    return code;
}
