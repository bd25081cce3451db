#include "daemon/command_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "settings/option_parser.h"

/* The kind of an option. */
enum {
    KIND_CONFIG,
    KIND_FOREGROUND,
    KIND_ACTION,                                  /* and an enum action */
    KIND_SETTING = KIND_ACTION + ACTION_HELP + 1, /* and a place in settings_table */
};

/* Options that are not settings. */
static const struct option_row own_rows[] = {
    {"config", .value = "FILE", .kind = KIND_CONFIG,
     .help = "read settings from this file (default: " FSD_CONFIG ")"},
    {"foreground", .kind = KIND_FOREGROUND, .help = "stay in the foreground"},
    {"stdio", .kind = KIND_ACTION + ACTION_STDIO,
     .help = "serve one session on standard input and output"},
    {"check", .kind = KIND_ACTION + ACTION_CHECK,
     .help = "report what would keep fsd from starting, and exit"},
    {"check-syntax", .kind = KIND_ACTION + ACTION_CHECK_SYNTAX,
     .help = "check the settings alone, and exit"},
    {"print-config", .kind = KIND_ACTION + ACTION_PRINT_CONFIG,
     .help = "print the settings in force, and where each was set"},
    {"print-settings", .kind = KIND_ACTION + ACTION_PRINT_SETTINGS,
     .help = "print every setting that exists"},
    {"version", .kind = KIND_ACTION + ACTION_VERSION, .help = "print the version"},
    {"help", .letter = 'h', .kind = KIND_ACTION + ACTION_HELP, .help = "print this help"},
};

static char *copy(const char *text)
{
    char *copied = strdup(text);

    if (copied == NULL)
        abort();
    return copied;
}

static char *make_absolute(const char *path)
{
    char *absolute = NULL;
    char *folder = path[0] != '/' && path[0] != '\0' ? getcwd(NULL, 0) : NULL;

    if (folder == NULL)
        return copy(path);
    if (asprintf(&absolute, "%s/%s", folder[1] != '\0' ? folder : "", path) < 0)
        abort();
    free(folder);
    return absolute;
}

/* All options of fsd: the settings that have one, and its own. */
static void collect_rows(struct option_row rows[OPTIONS_MOST + 1])
{
    size_t count = 0;

    for (const struct setting *row = settings_table; row->name != NULL; row++) {
        if (row->option != NULL)
            rows[count++] = (struct option_row){.name = row->option,
                                                .value = row->value,
                                                .help = row->help,
                                                .kind = KIND_SETTING + (int)(row - settings_table)};
    }
    memcpy(&rows[count], own_rows, sizeof own_rows);
    count += sizeof own_rows / sizeof own_rows[0];
    rows[count] = (struct option_row){.name = NULL};
}

void command_line_init(struct command_line *line)
{
    *line = (struct command_line){.action = ACTION_SERVE, .config = copy(FSD_CONFIG)};
}

void command_line_take_config(struct command_line *line, const char *path)
{
    free(line->config);
    line->config = make_absolute(path);
    line->config_is_given = true;
}

void command_line_take(struct command_line *line, const struct setting *row, const char *text)
{
    line->given = reallocarray(line->given, line->given_count + 1, sizeof *line->given);
    if (line->given == NULL)
        abort();
    line->given[line->given_count++] = (struct given_setting){
        .row = row, .text = row->kind == SETTING_PATH ? make_absolute(text) : copy(text)};
}

int command_line_read(struct command_line *line, int argc, char **argv, struct fault *fault)
{
    struct option_row rows[OPTIONS_MOST + 1];
    struct option_parser parser;
    int found = 0;

    command_line_init(line);
    collect_rows(rows);
    option_parser_begin(&parser, rows, OPTIONS_ALL, argc, argv);
    while ((found = option_parser_next(&parser, fault)) == OPTION_PARSER_OPTION) {
        const struct option_row *row = &rows[parser.option];
        if (row->kind >= KIND_SETTING)
            command_line_take(line, &settings_table[row->kind - KIND_SETTING], parser.text);
        else if (row->kind == KIND_CONFIG)
            command_line_take_config(line, parser.text);
        else if (row->kind == KIND_FOREGROUND)
            line->foreground = true;
        else if (row->kind - KIND_ACTION > (int)line->action) /* --help wins over --version */
            line->action = (enum action)(row->kind - KIND_ACTION);
    }
    return found == OPTION_PARSER_OPERAND
               ? fault_refuse(fault, "%s: fsd takes no operands, only options", parser.text)
               : found;
}

void command_line_release(struct command_line *line)
{
    for (size_t i = 0; i < line->given_count; i++)
        free(line->given[i].text);
    free(line->given);
    free(line->config);
    *line = (struct command_line){.given = NULL};
}

char *command_line_load(const struct command_line *line, struct fault *fault)
{
    return configuration_load(
        line->config, line->config_is_given ? NULL : "use chown root, or --config FILE", fault);
}

int command_line_settings(const struct command_line *line, const char *text,
                          struct settings *settings, struct fault *fault)
{
    struct configuration *configuration = &settings->configuration;

    settings_init(settings);
    int code = configuration_parse(configuration, text, line->config, fault);
    for (size_t i = 0; code == 0 && i < line->given_count; i++) {
        const struct given_setting *given = &line->given[i];
        *fault = (struct fault){.file = NULL};
        (void)snprintf(fault->name, sizeof fault->name, "--%s", given->row->option);
        code = configuration_set(configuration, given->row, given->text, fault->name, fault);
    }
    if (code < 0)
        return code;
    *fault = (struct fault){.file = NULL};
    code = configuration_complete(configuration, fault);
    return code == 0 ? settings_link_clients(settings, fault) : code;
}

char *command_line_help(void)
{
    struct option_row rows[OPTIONS_MOST + 1];
    char *text = NULL;

    collect_rows(rows);
    char *options = option_help(rows, OPTIONS_ALL);
    if (options != NULL && asprintf(&text,
                                    "Usage: fsd [OPTION]...\n"
                                    "Serves a folder of files to shell scripts.\n\n"
                                    "%s\n"
                                    "See fsd(8), fsd.conf(5) and fsd-protocol(7).\n",
                                    options) < 0)
        text = NULL;
    free(options);
    return text;
}
