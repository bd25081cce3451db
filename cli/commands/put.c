#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/output.h"
#include "cli/upload.h"
#include "protocol/name.h"

enum {
    NAME_ROOM = 8192, /* for names that are still to be judged */
};

/* The name under which an operand is to be stored. */
static int make_name(const struct options *options, const char *operand, char name[NAME_ROOM])
{
    const char *folder = options->values[OPTION_FOLDER];
    const char *given = options->values[OPTION_NAME];
    const char *slash = strrchr(operand, '/');
    const char *last = given != NULL ? given : slash != NULL ? slash + 1 : operand;
    size_t folder_length = folder != NULL ? name_length_without_slash(folder, strlen(folder)) : 0;

    int length = snprintf(name, NAME_ROOM, "%.*s%s%s", (int)folder_length,
                          folder != NULL ? folder : "", folder != NULL ? "/" : "", last);
    if (length < 0 || length >= NAME_ROOM)
        return complain(REASON_USAGE, operand, "its name would be longer than 1023 bytes");
    const char *fault = name_fault(name, (size_t)length);
    return fault == NULL
               ? 0
               : complain(REASON_USAGE, operand, "no name for it: \"%s\": %s", name, fault);
}

static int open_source(const char *operand, int *ret)
{
    struct stat status;
    int fd = open(operand, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return complain_errno(REASON_LOCAL, operand, "cannot read");
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        (void)close(fd);
        return complain(REASON_LOCAL, operand, "it is a folder");
    }
    *ret = fd;
    return 0;
}

static int put_one(struct invocation *invocation, const char *operand)
{
    char name[NAME_ROOM];
    int source = STDIN_FILENO;
    bool is_stdin = strcmp(operand, "-") == 0;
    int code = make_name(invocation->options, operand, name);

    if (code == 0 && !is_stdin)
        code = open_source(operand, &source);
    if (code < 0)
        return code;
    code = upload_put(&invocation->connection, name, source, is_stdin ? "standard input" : operand);
    if (!is_stdin)
        (void)close(source);
    return code;
}

static int judge_usage(const struct options *options)
{
    const char *name = options->values[OPTION_NAME];

    if (name != NULL && options->operand_count > 1)
        return complain(REASON_USAGE, "put", "--name goes with one FILE");
    for (size_t i = 0; i < options->operand_count; i++) {
        if (strcmp(options->operands[i], "-") == 0 && name == NULL)
            return complain(REASON_USAGE, "put", "standard input needs --name NAME");
    }
    return 0;
}

int put_run(struct invocation *invocation)
{
    int code = judge_usage(invocation->options);

    return code < 0 ? code : invocation_run_each(invocation, put_one);
}
