#include <stdlib.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/output.h"

static void print_exit_codes(void)
{
    const char *meaning = NULL;

    for (int code = 0; (meaning = reason_exit_meaning(code)) != NULL; code++)
        (void)output_print("%5d  %s\n", code, meaning);
    (void)output_print("128+n  killed by signal n\n");
}

static void print_settings(void)
{
    for (const struct setting *row = settings_table; row->name != NULL; row++) {
        char *text = setting_describe(row, "");
        (void)output_print("%s\n    %s\n", text != NULL ? text : row->name, row->help);
        free(text);
    }
}

void help_print_list(void)
{
    (void)output_print("Usage: fsc [OPTION]... COMMAND [OPTION]... [OPERAND]...\n"
                       "Lists, fetches and stores files in a file library.\n\n");
    for (const struct command *command = commands; command->word != NULL; command++)
        (void)output_print("  %-6s %s\n           %s\n", command->word, command->summary,
                           command->example);
    (void)output_print("\nOptions of every command:\n");
    options_print(OPTIONS_GLOBAL);
    (void)output_print(
        "\n'fsc help COMMAND' tells more of one, 'fsc help exit-codes' and\n'fsc help settings' of these.\n");
}

void help_print_command(const struct command *command)
{
    (void)output_print("Usage: fsc %s [OPTION]...%s%s\n"
                       "%c%s.\n\n"
                       "Example: %s\n\n"
                       "Options:\n",
                       command->word, command->operands[0] != '\0' ? " " : "", command->operands,
                       command->summary[0] - 'a' + 'A', command->summary + 1, command->example);
    options_print(command->options | OPTIONS_GLOBAL);
}

int help_run(struct invocation *invocation)
{
    const struct options *options = invocation->options;
    const struct command *command = NULL;

    if (options->operand_count == 0) {
        help_print_list();
        return output_flush();
    }
    if (strcmp(options->operands[0], "exit-codes") == 0)
        print_exit_codes();
    else if (strcmp(options->operands[0], "settings") == 0)
        print_settings();
    else if ((command = command_find(options->operands[0])) != NULL)
        help_print_command(command);
    else
        return complain(REASON_USAGE, options->operands[0], "there is no such command");
    return output_flush();
}
