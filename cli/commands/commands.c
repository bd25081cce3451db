#include "cli/commands/commands.h"

#include <string.h>

const struct command commands[] = {
    {.word = "ls",
     .operands = "[NAME...]",
     .most = SIZE_MAX,
     .options = OPTION_BIT(OPTION_LONG) | OPTION_BIT(OPTION_RECURSIVE) |
                OPTION_BIT(OPTION_UNSORTED) | OPTION_BIT(OPTION_MATCH) | OPTION_BIT(OPTION_HUMAN) |
                OPTION_BIT(OPTION_NEWEST) | OPTION_BIT(OPTION_LARGEST) |
                OPTION_BIT(OPTION_REVERSE) | OPTION_BIT(OPTION_FAIL_EMPTY) |
                OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_NULL),
     .summary = "list files and folders, one name a line",
     .example = "fsc ls backups",
     .run = ls_run},
    {.word = "get",
     .operands = "NAME...",
     .least = 1,
     .most = SIZE_MAX,
     .options = OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_INTO) | OPTION_BIT(OPTION_FORCE),
     .summary = "fetch files, each whole or not at all",
     .example = "fsc get backups/shop.sql.gz --output - | zcat",
     .run = get_run},
    {.word = "put",
     .operands = "FILE...|-",
     .least = 1,
     .most = SIZE_MAX,
     .options = OPTION_BIT(OPTION_NAME) | OPTION_BIT(OPTION_FOLDER),
     .summary = "store files, for good and durably; - is standard input",
     .example = "fsc put shop.sql.gz --folder backups",
     .run = put_run},
    {.word = "stat",
     .operands = "NAME...",
     .least = 1,
     .most = SIZE_MAX,
     .options = OPTION_BIT(OPTION_JSON),
     .summary = "show size, time and digest of files",
     .example = "fsc stat backups/shop.sql.gz",
     .run = stat_run},
    {.word = "status",
     .operands = "",
     .options = OPTION_BIT(OPTION_JSON),
     .summary = "show how the server is doing",
     .example = "fsc status --json",
     .run = status_run},
    {.word = "help",
     .operands = "[COMMAND|exit-codes]",
     .most = 1,
     .summary = "tell about fsc, one command, or the exit codes",
     .example = "fsc help put",
     .is_local = true,
     .run = help_run},
    {.word = NULL},
};

const struct command *command_find(const char *word)
{
    for (const struct command *command = commands; command->word != NULL; command++) {
        if (strcmp(command->word, word) == 0)
            return command;
    }
    return NULL;
}

int invocation_run_each(struct invocation *invocation,
                        int (*run)(struct invocation *invocation, const char *operand))
{
    const struct options *options = invocation->options;
    int first = 0;

    for (size_t i = 0; i < options->operand_count && !invocation->connection.unreachable; i++) {
        int code = run(invocation, options->operands[i]);
        first = first < 0 ? first : code;
    }
    return first;
}
