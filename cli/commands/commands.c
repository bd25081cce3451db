#include "cli/commands/commands.h"

#include <string.h>

#define TAKES(option) OPTION_BIT(OPTION_##option)
#define LISTS         (TAKES(FILES_FROM) | TAKES(NULL))

const struct command commands[] = {
    {.word = "ls",
     .operands = "[NAME...]",
     .operand = VALUE_NAME,
     .most = SIZE_MAX,
     .options = TAKES(NEWER_THAN) | TAKES(OLDER_THAN) | TAKES(LARGER_THAN) | TAKES(SMALLER_THAN) |
                TAKES(NEWEST) | TAKES(LONG) | TAKES(RECURSIVE) | TAKES(UNSORTED) | TAKES(MATCH) |
                TAKES(HUMAN) | TAKES(LOCAL) | TAKES(BY_TIME) | TAKES(LARGEST) | TAKES(REVERSE) |
                TAKES(SUMS) | TAKES(FAIL_EMPTY) | TAKES(MISSING_OK) | TAKES(PROGRESS) |
                TAKES(NO_PROGRESS) | TAKES(JSON) | TAKES(NULL) | TAKES(FILES_FROM),
     .summary = "list files and folders, one name per line",
     .examples = {"fsc ls backups", "fsc ls -l --local --newest 5 backups",
                  "fsc ls -R --match '*.gz' --older-than 30d",
                  "fsc ls -R --sums photos >photos.sums"},
     .run = ls_run},
    {.word = "get",
     .operands = "[NAME...]",
     .operand = VALUE_NAME,
     .most = SIZE_MAX,
     .options = TAKES(MATCH) | TAKES(NEWEST) | TAKES(TO_COMMAND) | TAKES(OUTPUT) | TAKES(INTO) |
                TAKES(FORCE) | TAKES(RECURSIVE) | TAKES(PROGRESS) | TAKES(NO_PROGRESS) |
                TAKES(JSON) | LISTS | TAKES(RESUME) | TAKES(LIMIT_RATE) | TAKES(RETRY) |
                TAKES(RETRY_MAX_TIME) | TAKES(FAIL_FAST) | TAKES(SHA256) | TAKES(WAIT) |
                TAKES(DRY_RUN) | TAKES(SPOOL),
     .summary = "fetch files, each whole or not at all",
     .examples = {"fsc get backups/shop.sql.gz --output - | zcat",
                  "fsc get backups/shop.sql.gz backups/web.tar --into restore",
                  "fsc get --match '*.gz' --newest 1 backups --into restore",
                  "fsc get -R photos --into restore",
                  "fsc get backups/web.tar --to-command -- tar -t"},
     .run = get_run},
    {.word = "put",
     .operands = "FILE...|-",
     .operand = VALUE_FILE,
     .least = 1,
     .most = SIZE_MAX,
     .options = TAKES(NAME) | TAKES(FROM_COMMAND) | TAKES(FOLDER) | TAKES(RECURSIVE) |
                TAKES(PROGRESS) | TAKES(NO_PROGRESS) | TAKES(JSON) | LISTS | TAKES(LIMIT_RATE) |
                TAKES(RETRY) | TAKES(RETRY_MAX_TIME) | TAKES(FAIL_FAST) | TAKES(SHA256) |
                TAKES(REPLACE) | TAKES(EXCLUSIVE) | TAKES(IF_SAME) | TAKES(FAIL_EMPTY) |
                TAKES(SIZE) | TAKES(MIN_SIZE) | TAKES(ALLOW_EMPTY) | TAKES(SPOOL) | TAKES(EXCLUDE) |
                TAKES(INCLUDE) | TAKES(LINKS) | TAKES(SPECIALS) | TAKES(DRY_RUN),
     .summary = "store files durably; - is standard input",
     .examples = {"fsc put shop.sql.gz --folder backups",
                  "fsc put --name shop/$(date +%F).sql.gz --from-command -- "
                  "bash -o pipefail -c 'pg_dump shop | gzip'",
                  "fsc put -R photos --folder archive --exclude '*.tmp'",
                  "date | fsc put - --name backups/done",
                  "find . -name '*.csv' -print0 | fsc put -0 --files-from - --folder reports"},
     .run = put_run},
    {.word = "rm",
     .operands = "[NAME...]",
     .operand = VALUE_NAME,
     .most = SIZE_MAX,
     .options = TAKES(MATCH) | TAKES(KEEP) | TAKES(OLDER_THAN) | TAKES(RECURSIVE) | TAKES(DRY_RUN) |
                TAKES(FAIL_EMPTY) | TAKES(MISSING_OK) | TAKES(RETRY) | TAKES(RETRY_MAX_TIME) |
                TAKES(FAIL_FAST) | TAKES(PROGRESS) | TAKES(NO_PROGRESS) | TAKES(JSON) | LISTS,
     .summary = "delete files, if the server allows it",
     .examples = {"fsc rm --match 'backups/*.gz' --older-than 30d",
                  "fsc rm --match 'shop/*.sql.gz' --keep 7 --older-than 30d",
                  "fsc rm -n -R --match '*' photos", "fsc rm backups/old.gz --missing-ok"},
     .run = rm_run},
    {.word = "stat",
     .operands = "NAME...",
     .operand = VALUE_NAME,
     .least = 1,
     .most = SIZE_MAX,
     .options = TAKES(LOCAL) | TAKES(JSON) | LISTS,
     .summary = "show the size, time, digest and origin of files",
     .examples = {"fsc stat backups/shop.sql.gz",
                  "fsc stat --json backups/shop.sql.gz | jq -r .digest"},
     .run = stat_run},
    {.word = "watch",
     .operands = "[FOLDER]",
     .operand = VALUE_FOLDER,
     .most = 1,
     .options = TAKES(EXISTING) | TAKES(NULL) | TAKES(JSON) | TAKES(NUMBER),
     .summary = "print the names of files as they are stored",
     .examples = {"fsc watch incoming | fsc get --files-from -",
                  "fsc watch --existing --count 1 incoming"},
     .run = watch_run},
    {.word = "status",
     .operands = "",
     .options = TAKES(JSON),
     .summary = "show how the server is doing",
     .examples = {"fsc status --json", "fsc status | grep sessions"},
     .run = status_run},
    {.word = "trust",
     .operands = "HOST [FINGERPRINT...]",
     .operand = VALUE_HOST,
     .most = SIZE_MAX,
     .options = TAKES(ACCEPT) | TAKES(LIST) | TAKES(REMOVE) | TAKES(JSON),
     .summary = "pin the key of a server on the network",
     .examples = {"fsc trust backup1.example SHA256:...", "fsc trust backup1.example --accept",
                  "fsc trust --list"},
     .run = trust_run},
    {.word = "identity",
     .operands = "",
     .options = TAKES(JSON),
     .summary = "show your own key, and the line that lets it in",
     .examples = {"fsc identity | head -n 1", "fsc identity --json | jq -r .file"},
     .run = identity_run},
    {.word = "config",
     .operands = "",
     .summary = "show the settings in force, and where each was set",
     .examples = {"fsc config | grep max_time"},
     .run = config_run},
    {.word = "help",
     .operands = "[COMMAND|exit-codes|settings]",
     .operand = VALUE_TOPIC,
     .most = 1,
     .summary = "explain a command, the exit codes or the settings",
     .examples = {"fsc help put", "fsc help exit-codes"},
     .is_local = true,
     .run = help_run},
    {.word = "__complete",
     .operands = "LINE WORD quoted|plain",
     .least = 3,
     .most = 3,
     .summary = "print completions of a line, for bash",
     .examples = {"fsc __complete -- 'fsc get back' back quoted"},
     .is_local = true,
     .is_hidden = true,
     .run = complete_run},
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

uint64_t command_options(const char *word)
{
    const struct command *command = command_find(word);

    /* The word is wrong, not the options after it. */
    return command != NULL ? command->options : UINT64_MAX;
}
