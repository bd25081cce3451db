/*
 * fsd-scrub: finds damaged files in a library.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/command_line.h"
#include "daemon/scrub/scrub.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"
#include "protocol/reason.h"
#include "settings/option_parser.h"
#include "settings/quantity.h"

enum {
    EXIT_USAGE = 2,
};

enum own_option {
    OPTION_CONFIG,
    OPTION_LIBRARY,
    OPTION_RATE,
    OPTION_QUARANTINE,
    OPTION_RECORD,
    OPTION_VERSION,
    OPTION_HELP,
    OPTION_COUNT,
};

static const struct option_row own_options[OPTION_COUNT + 1] = {
    [OPTION_CONFIG] = {"config", .value = "FILE",
                       .help = "settings of fsd (default: " FSD_CONFIG ")"},
    [OPTION_LIBRARY] = {"library", .value = "DIR", .help = "the library"},
    [OPTION_RATE] = {"rate", .value = "SIZE",
                     .help = "read no more than so many bytes a second, as in 20M"},
    [OPTION_QUARANTINE] = {"quarantine", .help = "move damaged files to .fsd/quarantine"},
    [OPTION_RECORD] = {"record", .help = "give records to files that have none"},
    [OPTION_VERSION] = {"version", .help = "print the version"},
    [OPTION_HELP] = {"help", .letter = 'h', .help = "print this"},
};

/* What the command line asks for. */
struct wish {
    struct command_line line; /* which settings */
    struct scrub_plan plan;
    char folder[NAME_LONGEST + 1]; /* as in the plan, without '/' behind it */
    enum own_option told;          /* --version or --help: only that is told; else OPTION_COUNT */
};

static int complain(const char *subject, const char *fault)
{
    scrub_print_error(subject, fault);
    return -REASON_USAGE;
}

static int take_rate(const char *text, int64_t *ret)
{
    if (quantity_size(text, ret) && *ret > 0)
        return 0;
    return complain(text, "it must be a size above 0, as in 512K, 20M or 1G");
}

static int take_folder(struct wish *wish, const char *text)
{
    size_t length = name_length_without_slash(text, strlen(text));
    const char *fault = name_fault(text, length);

    if (fault != NULL)
        return complain(text, fault);
    memcpy(wish->folder, text, length);
    wish->plan.folder = wish->folder;
    wish->plan.must_be_folder = text[length] == '/';
    return 0;
}

static int take(struct wish *wish, enum own_option option, const char *value)
{
    switch (option) {
    case OPTION_CONFIG:
        command_line_take_config(&wish->line, value);
        return 0;
    case OPTION_LIBRARY:
        command_line_take(&wish->line, configuration_find(settings_table, "library"), value);
        return 0;
    case OPTION_RATE:
        return take_rate(value, &wish->plan.rate);
    case OPTION_QUARANTINE:
        wish->plan.quarantine = true;
        return 0;
    case OPTION_RECORD:
        wish->plan.record = true;
        return 0;
    default:
        /* --help wins over --version. */
        if (wish->told != OPTION_HELP)
            wish->told = option;
        return 0;
    }
}

static int read_command_line(struct wish *wish, int argc, char **argv)
{
    struct option_parser parser;
    struct fault fault = {.file = NULL};
    char line[FAULT_LINE_ROOM];
    int found = 0;
    int code = 0;

    option_parser_begin(&parser, own_options, OPTIONS_ALL, argc, argv);
    while (code == 0 && (found = option_parser_next(&parser, &fault)) > OPTION_PARSER_END) {
        if (found == OPTION_PARSER_OPTION)
            code = take(wish, (enum own_option)parser.option, parser.text);
        else if (wish->plan.folder != NULL)
            code = complain(parser.text, "there can be only one folder");
        else
            code = take_folder(wish, parser.text);
    }
    if (found < 0)
        (void)fprintf(stderr, "fsd-scrub: %s\n", fault_print(&fault, line));
    return found < 0 ? found : code;
}

static int tell(enum own_option told)
{
    if (told == OPTION_VERSION)
        return printf("fsd-scrub %s\n", FSD_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    char *options = option_help(own_options, OPTIONS_ALL);
    int printed = printf("Usage: fsd-scrub [OPTION]... [FOLDER]\n"
                         "Finds damaged files in a library, or below one folder of it.\n\n"
                         "%s\n"
                         "See fsd-scrub(8).\n",
                         options != NULL ? options : "");
    free(options);
    return printed < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(const struct wish *wish)
{
    struct fault fault;
    char line[FAULT_LINE_ROOM];
    struct settings settings = {.library = NULL};
    int code = EXIT_USAGE;
    char *text = NULL;

    if (wish->told != OPTION_COUNT)
        return tell(wish->told);
    text = command_line_load(&wish->line, &fault);
    if (text == NULL || command_line_settings(&wish->line, text, &settings, &fault) < 0)
        (void)fprintf(stderr, "fsd-scrub: %s\n", fault_print(&fault, line));
    else if (!settings.records)
        scrub_print_error("records", "is false, so there is nothing to compare files with");
    else
        code = scrub_run(settings.library, &wish->plan) ? EXIT_SUCCESS : EXIT_FAILURE;
    free(text);
    settings_release(&settings);
    return code;
}

int main(int argc, char **argv)
{
    struct wish wish = {.told = OPTION_COUNT};
    int code = EXIT_USAGE;

    descriptor_reserve_standard();
    command_line_init(&wish.line);
    if (read_command_line(&wish, argc, argv) == 0)
        code = run(&wish);
    command_line_release(&wish.line);
    if (fflush(stdout) != 0 && code == EXIT_SUCCESS) {
        scrub_print_error("standard output", strerror(errno));
        code = EXIT_FAILURE;
    }
    return code;
}
