#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/output.h"
#include "settings/spelling.h"

static void print_exit_codes(void)
{
    const char *meaning = NULL;

    for (int code = 0; (meaning = reason_exit_meaning(code)) != NULL; code++)
        (void)output_print("%5d  %s\n", code, meaning);
    (void)output_print("128+n  killed by signal n\n");
}

static void print_options(uint64_t bits)
{
    char *text = option_help(option_rows, bits);

    if (text != NULL)
        (void)output_text(text);
    free(text);
}

static void print_table(const struct setting *table, const char *within)
{
    char below[FAULT_NAME_ROOM];

    for (const struct setting *row = table; row->name != NULL; row++) {
        char *text = setting_describe(row, within);
        (void)output_print("%s\n    %s\n", text != NULL ? text : row->name, row->help);
        free(text);
        (void)snprintf(below, sizeof below, "%s[].", row->name);
        if (row->members != NULL)
            print_table(row->members, below);
    }
}

static void print_settings(void)
{
    print_table(settings_table, "");
}

const struct help_topic help_topics[] = {
    {"exit-codes", print_exit_codes},
    {"settings", print_settings},
    {NULL, NULL},
};

void help_print_list(void)
{
    (void)output_print("Usage: fsc [OPTION]... COMMAND [OPTION]... [OPERAND]...\n"
                       "Lists, fetches and stores files in a file library.\n\n");
    for (const struct command *command = commands; command->word != NULL; command++) {
        if (!command->is_hidden)
            (void)output_print("  %-8s %s\n             %s\n", command->word, command->summary,
                               command->examples[0]);
    }
    (void)output_print("\nOptions of every command:\n");
    print_options(OPTIONS_GLOBAL);
    (void)output_print(
        "\nSee also 'fsc help COMMAND', 'fsc help exit-codes', 'fsc help settings', and fsc(1).\n");
}

void help_print_command(const struct command *command)
{
    (void)output_print("Usage: fsc %s [OPTION]...%s%s\n"
                       "%c%s.\n\n"
                       "Examples:\n",
                       command->word, command->operands[0] != '\0' ? " " : "", command->operands,
                       command->summary[0] - 'a' + 'A', command->summary + 1);
    for (size_t i = 0; command->examples[i] != NULL; i++)
        (void)output_print("  %s\n", command->examples[i]);
    (void)output_print("\nOptions:\n");
    print_options(command->options | OPTIONS_GLOBAL);
}

/* Commands of other tools, and what does the same here. */
static const struct habit {
    const char *words;
    const char *here;
} habits[] = {
    {"cp copy scp", "put FILE --folder FOLDER or get NAME --into DIR"},
    {"upload push mput store", "put FILE"},
    {"download pull fetch mget", "get NAME"},
    {"backup", "put -R FOLDER"},
    {"restore", "get -R FOLDER"},
    {"rcat", "put - --name NAME"},
    {"prune forget", "rm --match PATTERN --keep N"},
    {"lsjson", "ls --json"},
    {"du size", "ls -l -R"},
    {"check verify", "ls --sums"},
    {"ping", "status"},
    {"cat", "get NAME --output -"},
    {"rsync sync", "put -R FOLDER or get -R FOLDER"},
    {"dir", "ls"},
    {"del delete", "rm"},
    {"purge rmdir", "rm -R --match '*' FOLDER"},
    {"info", "stat"},
    {"known-servers known_servers pins", "trust --list"},
    {"whoami key fingerprint id keygen", "identity"},
    {"find", "ls -R --match PATTERN"},
    {"sha256sum", "ls --sums"},
    {"df", "status"},
    {"version", "--version"},
    {"exit-codes", "help exit-codes"},
    {"settings", "help settings"},
    {"mkdir", "put --folder FOLDER, which makes it, too"},
    {"mv rename", "get OLD, put --name NEW, then rm OLD"},
    {NULL, NULL},
};

int help_refuse_word(const char *word, bool may_be_topic, struct failure *failure)
{
    const char *wrong = may_be_topic ? "no such command or topic" : "no such command";
    struct spelling spelling;

    spelling_begin(&spelling, word, strlen(word));
    for (const struct command *command = commands; command->word != NULL; command++) {
        if (!command->is_hidden)
            spelling_try(&spelling, command->word);
    }
    for (const struct help_topic *topic = help_topics; may_be_topic && topic->word != NULL; topic++)
        spelling_try(&spelling, topic->word);
    const char *nearest = spelling_nearest(&spelling);
    for (const struct habit *habit = habits; habit->words != NULL; habit++) {
        if (spelling_is_habit(habit->words, word, strlen(word)))
            nearest = habit->here;
    }
    return nearest != NULL ? fail(failure, REASON_USAGE, word,
                                  "%s; did you mean %s? (see fsc help)", wrong, nearest)
                           : fail(failure, REASON_USAGE, word, "%s (see fsc help)", wrong);
}

int help_run(struct invocation *invocation)
{
    const struct options *options = invocation->options;
    const char *word = options->operands[0];
    const struct help_topic *topic = help_topics;

    if (options->operand_count == 0) {
        help_print_list();
        return output_flush(invocation->failure);
    }
    const struct command *command = command_find(word);
    while (topic->word != NULL && strcmp(topic->word, word) != 0)
        topic++;
    if (command != NULL)
        help_print_command(command);
    else if (topic->word != NULL)
        topic->print();
    else
        return help_refuse_word(word, true, invocation->failure);
    return output_flush(invocation->failure);
}
