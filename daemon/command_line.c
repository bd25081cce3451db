#include "daemon/command_line.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/reason.h"
#include "settings/option_parser.h"

enum {
    /* Of an included folder: files, and bytes of all of them. */
    FILES_MOST = SETTINGS_CLIENTS_MOST,
    BYTES_MOST = 8 * 1024 * 1024,
};

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
    {"print-identity", .kind = KIND_ACTION + ACTION_PRINT_IDENTITY,
     .help = "print the fingerprint of the daemon's key, and make a key if there is none"},
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

/* Adds a file, which configuration_load() opens. Returns 0, or -REASON_USAGE with a fault. */
static int load(struct config_files *files, const char *path, const char *advice,
                struct fault *fault)
{
    files->files = reallocarray(files->files, files->count + 1, sizeof *files->files);
    if (files->files == NULL)
        abort();
    struct config_file *file = &files->files[files->count++];
    *file = (struct config_file){.path = copy(path)};
    char *text = configuration_load(file->path, advice, fault);
    if (text == NULL)
        return -REASON_USAGE;
    file->text = copy(text); /* in no more memory than it needs */
    free(text);
    return 0;
}

int command_line_load(const struct command_line *line, struct config_files *files,
                      struct fault *fault)
{
    *files = (struct config_files){.count = 0};
    return load(files, line->config,
                line->config_is_given ? NULL : "use chown root, or --config FILE", fault);
}

void command_line_unload(struct config_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->files[i].path);
        free(files->files[i].text);
    }
    free(files->files);
    *files = (struct config_files){.count = 0};
}

static int is_config(const struct dirent *entry)
{
    const char *end = strrchr(entry->d_name, '.');

    return end != NULL && entry->d_name[0] != '.' && strcmp(end, ".conf") == 0;
}

static int compare_names(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

int command_line_include(struct config_files *files, struct fault *fault)
{
    struct settings settings;
    struct dirent **entries = NULL;
    size_t length = 0;
    int count = 0;

    settings_init(&settings);
    int code = command_line_parse(files, &settings, fault);
    if (code == 0 && settings.include != NULL) {
        count = scandir(settings.include, &entries, is_config, compare_names);
        *fault = (struct fault){.file = NULL};
        if (count < 0)
            code = fault_refuse(fault, "%s: include: %s: %s",
                                configuration_origin(&settings.configuration,
                                                     configuration_find(settings_table, "include")),
                                settings.include, strerror(errno));
        if (count > FILES_MOST)
            code = fault_refuse(fault, "%s: there are more than %d files", settings.include,
                                FILES_MOST);
    }
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s", settings.include, entries[i]->d_name) < 0)
            abort();
        if (code == 0)
            code = load(files, path, "use chown root", fault);
        /* A file that is missing counts as empty, and so would a link that leads nowhere. */
        if (code == 0 && entries[i]->d_type == DT_LNK && access(path, F_OK) < 0) {
            *fault = (struct fault){.file = files->files[files->count - 1].path};
            code = fault_refuse(fault, "%s", strerror(errno));
        }
        if (code == 0)
            length += strlen(files->files[files->count - 1].text);
        if (code == 0 && length > BYTES_MOST)
            code = fault_refuse(fault, "the files up to this one are too large together");
        free(path);
        free(entries[i]);
    }
    free(entries);
    settings_release(&settings);
    return code;
}

int command_line_parse(const struct config_files *files, struct settings *settings,
                       struct fault *fault)
{
    struct configuration *configuration = &settings->configuration;
    int code = 0;

    for (size_t i = 0; code == 0 && i < files->count; i++) {
        const struct config_file *file = &files->files[i];
        code = i == 0 ? configuration_parse(configuration, file->text, file->path, fault)
                      : configuration_parse_more(configuration, file->text, file->path, fault);
    }
    return code;
}

int command_line_settings(const struct command_line *line, const struct config_files *files,
                          struct settings *settings, struct fault *fault)
{
    struct configuration *configuration = &settings->configuration;

    settings_init(settings);
    int code = command_line_parse(files, settings, fault);
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
