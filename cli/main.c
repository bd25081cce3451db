/*
 * fsc: lists, fetches and stores files in a file library; one command for each call, never a
 * question.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/console.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "protocol/descriptor.h"

/* Prints help or the version, or runs the command, unless the command line is wrong. */
static int run(const struct options *options, struct failure *failure)
{
    const struct command *command =
        options->command != NULL ? command_find(options->command) : NULL;
    bool has_list = options_have(options, OPTION_FILES_FROM);

    if (options_have(options, OPTION_VERSION)) {
        (void)output_print("fsc %s\n", FSD_VERSION);
        return output_flush(failure);
    }
    if (command == NULL || options_have(options, OPTION_HELP)) {
        if (command == NULL)
            help_print_list();
        else
            help_print_command(command);
        return output_flush(failure);
    }
    if (has_list && options->operand_count > 0)
        return fail(failure, REASON_USAGE, command->word,
                    "operands and --files-from cannot be used together");
    if (options->operand_count < command->least && !has_list &&
        !options_have(options, OPTION_FROM_COMMAND))
        return fail(failure, REASON_USAGE, command->word, "needs %s (see fsc help %s)",
                    command->operands, command->word);
    if (options->operand_count > command->most)
        return fail(failure, REASON_USAGE, command->word, "takes %s (see fsc help %s)",
                    command->most == 0 ? "no operands" : "only one operand", command->word);

    /* Large, and mostly unused: on the heap its pages are not even touched. */
    struct invocation *invocation = calloc(1, sizeof *invocation);
    if (invocation == NULL)
        return fail_errno(failure, REASON_INTERNAL, command->word, "no memory");
    invocation->options = options;
    invocation->failure = failure;
    int code = command->is_local ? 0 : settings_read(&invocation->settings, options, failure);
    if (code == 0) {
        signals_catch();
        invocation->connection.settings = &invocation->settings;
        invocation->connection.failure = failure;
        if ((command->options & OPTION_BIT(OPTION_PROGRESS)) != 0)
            progress_begin(options);
        code = command->run(invocation);
        progress_end();
        connection_quit(&invocation->connection);
    }
    settings_release(&invocation->settings);
    free(invocation);
    return code;
}

/* Sets how stderr is written, also for the message about another wrong option. */
static int set_console(const struct options *options, struct failure *failure)
{
    const enum option excluded[][2] = {{OPTION_VERBOSE, OPTION_QUIET},
                                       {OPTION_PROGRESS, OPTION_NO_PROGRESS}};
    const char *color = options->values[OPTION_COLOR];
    enum console_color when = CONSOLE_COLOR_AUTO;

    if (options_have(options, OPTION_VERBOSE))
        console_set_level(CONSOLE_VERBOSE);
    if (options_have(options, OPTION_QUIET))
        console_set_level(CONSOLE_QUIET);
    while (color != NULL && when < CONSOLE_COLORS && strcmp(console_color_words[when], color) != 0)
        when++;
    if (when == CONSOLE_COLORS)
        return fail(failure, REASON_USAGE, NULL, "--color: must be auto, always or never");
    console_set_color(when);
    return options_exclude(options, excluded, sizeof excluded / sizeof excluded[0], failure);
}

int main(int argc, char **argv)
{
    struct options options;
    struct failure failure;

    descriptor_reserve_standard();
    failure_clear(&failure);
    int code = options_parse(&options, argc, argv, command_options, &failure);
    if (set_console(&options, &failure) < 0)
        code = -REASON_USAGE;

    /* Before its options, of which none is known either. */
    if (options.command != NULL && command_find(options.command) == NULL)
        code = help_refuse_word(options.command, false, &failure);
    if (code == 0)
        code = run(&options, &failure);
    if (code < 0)
        failure_print(&failure);
    options_free(&options);
    return reason_exit_code(reason_of(code));
}
