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
    OPTION_HELP,
    OPTION_LIBRARY,
    OPTION_QUARANTINE,
    OPTION_RATE,
    OPTION_RECORD,
    OPTION_VERSION,
    OPTION_COUNT,
};

static const struct option_row own_options[OPTION_COUNT + 1] = {
    [OPTION_CONFIG] = {"config", .value = "FILE",
                       .help = "settings of fsd (default: " FSD_CONFIG ")"},
    [OPTION_HELP] = {"help", .letter = 'h', .help = "print this help"},
    [OPTION_LIBRARY] = {"library", .value = "DIR", .help = "the library"},
    [OPTION_QUARANTINE] = {"quarantine", .help = "move damaged files to .fsd/quarantine"},
    [OPTION_RATE] = {"rate", .value = "SIZE",
                     .help = "read at most this many bytes a second, such as 20M"},
    [OPTION_RECORD] = {"record", .help = "give a record to files that have none"},
    [OPTION_VERSION] = {"version", .help = "print the version"},
};

/* What the command line asks for. */
struct arguments {
    struct command_line line; /* which settings */
    struct scrub_plan plan;
    char folder[NAME_LONGEST + 1]; /* as in the plan, without '/' at its end */
    bool is_help;
    bool is_version;
};

static int refuse(const char *subject, const char *fault)
{
    scrub_print_error(subject, fault);
    return -REASON_USAGE;
}

static int read_command_line(struct arguments *arguments, int argc, char **argv)
{
    struct scrub_plan *plan = &arguments->plan;
    struct option_parser parser;
    struct fault fault = {.file = NULL};
    char line[FAULT_LINE_ROOM];
    int found = 0;

    option_parser_begin(&parser, own_options, OPTIONS_ALL, argc, argv);
    while ((found = option_parser_next(&parser, &fault)) > OPTION_PARSER_END) {
        const char *text = parser.text;
        if (found == OPTION_PARSER_OPERAND) {
            size_t length = name_length_without_slash(text, strlen(text));
            const char *wrong = name_fault(text, length);
            if (text[0] == '/')
                wrong = "it begins with a slash (use --library for the library; a FOLDER is in it)";
            if (wrong != NULL)
                return refuse(text, wrong);
            if (plan->folder != NULL)
                return refuse(text, "only one FOLDER can be given");
            memcpy(arguments->folder, text, length);
            plan->folder = arguments->folder;
            plan->must_be_folder = text[length] == '/';
            continue;
        }
        switch ((enum own_option)parser.option) {
        case OPTION_CONFIG:
            command_line_take_config(&arguments->line, text);
            break;
        case OPTION_HELP:
            arguments->is_help = true;
            break;
        case OPTION_LIBRARY:
            command_line_take(&arguments->line, configuration_find(settings_table, "library"),
                              text);
            break;
        case OPTION_QUARANTINE:
            plan->quarantine = true;
            break;
        case OPTION_RATE:
            if (!quantity_size(text, &plan->rate) || plan->rate == 0)
                return refuse("--rate", "must be a size above 0, such as 512K, 20M or 1G");
            break;
        case OPTION_RECORD:
            plan->record = true;
            break;
        case OPTION_VERSION:
            arguments->is_version = true;
            break;
        case OPTION_COUNT:
            break;
        }
    }
    if (found < 0)
        (void)fprintf(stderr, "fsd-scrub: %s\n", fault_print(&fault, line));
    return found;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.plan = {.folder = NULL}};
    struct settings settings = {.library = NULL};
    struct config_files files;
    struct fault fault;
    char line[FAULT_LINE_ROOM];
    int code = EXIT_SUCCESS;

    descriptor_reserve_standard();
    command_line_init(&arguments.line);
    if (read_command_line(&arguments, argc, argv) < 0) {
        code = EXIT_USAGE;
    } else if (arguments.is_help) {
        char *options = option_help(own_options, OPTIONS_ALL);
        (void)printf("Usage: fsd-scrub [OPTION]... [FOLDER]\n"
                     "Finds damaged files in a library, or below one folder of it.\n\n"
                     "%s\n"
                     "See fsd-scrub(8).\n",
                     options != NULL ? options : "");
        free(options);
    } else if (arguments.is_version) {
        (void)printf("fsd-scrub %s\n", FSD_VERSION);
    } else {
        /* Scrub with the settings of fsd. */
        if (command_line_load(&arguments.line, &files, &fault) < 0 ||
            command_line_include(&files, &fault) < 0 ||
            command_line_settings(&arguments.line, &files, &settings, &fault) < 0) {
            (void)fprintf(stderr, "fsd-scrub: %s\n", fault_print(&fault, line));
            code = EXIT_USAGE;
        } else if (!settings.records) {
            scrub_print_error("records", "is false, so there is nothing to compare files with");
            code = EXIT_USAGE;
        } else if (!scrub_run(settings.library, &arguments.plan)) {
            code = EXIT_FAILURE;
        }
        command_line_unload(&files);
        settings_release(&settings);
    }
    command_line_release(&arguments.line);
    if (fflush(stdout) != 0 && code == EXIT_SUCCESS) {
        scrub_print_error("standard output", strerror(errno));
        code = EXIT_FAILURE;
    }
    return code;
}
