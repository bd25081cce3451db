#include "daemon/command_line.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/reason.h"

/* Options that are no settings. */
static const struct own_option {
    const char *name;
    const char *value; /* what it takes; NULL for nothing */
    enum action action;
    const char *help;
} own_options[] = {
    {"config", "FILE", ACTION_SERVE, "settings (default: " FSD_CONFIG ")"},
    {"foreground", NULL, ACTION_SERVE, "stay in the foreground"},
    {"stdio", NULL, ACTION_STDIO, "serve one session on standard input and output"},
    {"check", NULL, ACTION_CHECK, "only check the settings"},
    {"print-config", NULL, ACTION_PRINT_CONFIG, "print the settings in force, and from where"},
    {"print-settings", NULL, ACTION_PRINT_SETTINGS, "print all settings that there are"},
    {"version", NULL, ACTION_VERSION, "print the version"},
    {"help", NULL, ACTION_HELP, "print this"},
};

enum {
    OWN_COUNT = sizeof own_options / sizeof own_options[0],
    OWN_CONFIG = 0, /* places in the table */
    OWN_FOREGROUND = 1,
    OPTIONS_MOST = 64,
};

static char *copy(const char *text)
{
    char *copied = strdup(text);

    if (copied == NULL)
        abort();
    return copied;
}

/* A path as it is seen from the root. */
static char *make_absolute(const char *path)
{
    char *absolute = NULL;
    char *folder = path[0] != '/' && path[0] != '\0' ? getcwd(NULL, 0) : NULL;

    if (folder == NULL)
        return copy(path);
    if (asprintf(&absolute, "%s/%s", folder, path) < 0)
        abort();
    free(folder);
    return absolute;
}

static void take_own(struct command_line *line, size_t own, const char *value)
{
    if (own == OWN_CONFIG)
        command_line_take_config(line, value);
    line->foreground = line->foreground || own == OWN_FOREGROUND;
    /* Of several, --help wins over --version, and so on. */
    if (own_options[own].action > line->action)
        line->action = own_options[own].action;
}

/* getopt_long(3)'s table: our own options, then those that are settings. */
static void make_table(struct option options[OPTIONS_MOST], const struct setting **rows,
                       char names[][SETTING_OPTION_ROOM])
{
    size_t count = 0;

    for (; count < OWN_COUNT; count++)
        options[count] = (struct option){
            .name = own_options[count].name,
            .has_arg = own_options[count].value != NULL ? required_argument : no_argument};
    for (const struct setting *row = settings_table; row->name != NULL; row++) {
        if (row->value == NULL || count == OPTIONS_MOST - 1)
            continue;
        rows[count] = row;
        options[count].name = setting_option(row, names[count]);
        options[count++].has_arg = required_argument;
    }
}

void command_line_init(struct command_line *line)
{
    *line = (struct command_line){.action = ACTION_SERVE, .config = copy(FSD_CONFIG)};
}

void command_line_take_config(struct command_line *line, const char *path)
{
    free(line->config);
    line->config = make_absolute(path);
    line->config_is_said = true;
}

void command_line_take(struct command_line *line, const struct setting *row, const char *text)
{
    line->said = reallocarray(line->said, line->said_count + 1, sizeof *line->said);
    if (line->said == NULL)
        abort();
    line->said[line->said_count++] = (struct said){
        .row = row, .text = row->kind == SETTING_PATH ? make_absolute(text) : copy(text)};
}

int command_line_read(struct command_line *line, int argc, char **argv)
{
    struct option options[OPTIONS_MOST] = {{NULL, 0, NULL, 0}};
    const struct setting *rows[OPTIONS_MOST] = {NULL};
    char names[OPTIONS_MOST][SETTING_OPTION_ROOM];
    int place = 0;
    int option = 0;

    command_line_init(line);
    make_table(options, rows, names);
    while ((option = getopt_long(argc, argv, "", options, &place)) != -1) {
        if (option == '?')
            return -REASON_USAGE;
        if (rows[place] != NULL)
            command_line_take(line, rows[place], optarg);
        else
            take_own(line, (size_t)place, optarg);
    }
    if (optind == argc)
        return 0;
    (void)fprintf(stderr, "fsd: %s: fsd takes only options\n", argv[optind]);
    return -REASON_USAGE;
}

void command_line_release(struct command_line *line)
{
    for (size_t i = 0; i < line->said_count; i++)
        free(line->said[i].text);
    free(line->said);
    free(line->config);
    *line = (struct command_line){.said = NULL};
}

char *command_line_load(const struct command_line *line, char fault[CONFIGURATION_FAULT_ROOM])
{
    return configuration_load(line->config, !line->config_is_said, fault);
}

int command_line_settings(const struct command_line *line, const char *text,
                          struct settings *settings, char fault[CONFIGURATION_FAULT_ROOM])
{
    struct configuration *configuration = &settings->configuration;

    settings_init(settings);
    int code = configuration_take_text(configuration, text, line->config, fault);
    for (size_t i = 0; code == 0 && i < line->said_count; i++) {
        const struct said *said = &line->said[i];
        char wrong[CONFIGURATION_FAULT_ROOM];
        char option[SETTING_OPTION_ROOM];
        char origin[SETTING_OPTION_ROOM + 2];
        (void)snprintf(origin, sizeof origin, "--%s", setting_option(said->row, option));
        code = configuration_set(configuration, said->row, said->text, origin, wrong);
        if (code < 0)
            (void)configuration_refuse(fault, "%s: %.900s", origin, wrong);
    }
    return code == 0 ? configuration_complete(configuration, fault) : code;
}

void command_line_print_option(const char *name, const char *value, const char *help)
{
    char head[SETTING_OPTION_ROOM + 32];

    (void)snprintf(head, sizeof head, "--%s%s%s", name, value != NULL ? " " : "",
                   value != NULL ? value : "");
    (void)printf("  %-22s %s\n", head, help);
}

void command_line_print_help(void)
{
    char option[SETTING_OPTION_ROOM];

    (void)printf("Usage: fsd [OPTION]...\n"
                 "Serves a folder of files to shell scripts.\n\n");
    for (const struct setting *row = settings_table; row->name != NULL; row++) {
        if (row->value != NULL)
            command_line_print_option(setting_option(row, option), row->value, row->help);
    }
    for (size_t i = 0; i < OWN_COUNT; i++)
        command_line_print_option(own_options[i].name, own_options[i].value, own_options[i].help);
    (void)printf("\nSee fsd(8), fsd.conf(5) and fsd-protocol(7).\n");
}
