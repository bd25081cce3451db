#include "daemon/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/access.h"
#include "protocol/address.h"
#include "protocol/reason.h"
#include "protocol/value.h"

enum kind {
    KIND_PATH,
    KIND_ADDRESSES,
    KIND_RIGHTS,
    KIND_BOOL,
    KIND_COUNT,
    KIND_DURATION,
};

static const char *const kind_words[] = {
    [KIND_PATH] = "an absolute path in quotes",
    [KIND_ADDRESSES] = "an address in quotes, or a list of them",
    [KIND_RIGHTS] = "rights in quotes, as in \"list get put\"",
    [KIND_BOOL] = "true or false",
    [KIND_COUNT] = "a number",
    [KIND_DURATION] = "a duration in quotes, as in \"30s\", \"5m\" or \"2h\"",
};

enum {
    FILE_LARGEST = 1024 * 1024, /* bytes of a configuration file, with a NUL */
};

struct row {
    const char *name;
    enum kind kind;
    size_t offset;            /* in struct settings */
    const char *default_text; /* NULL for none */
    int64_t least, most;      /* of counts, and of durations in milliseconds */
    const char *option;       /* what stands for the value in --help, when it is an option too */
    const char *help;
};

#define AT(member) offsetof(struct settings, member)
#define SECOND     INT64_C(1000)
#define HOUR       (3600 * SECOND)
#define DAY        (24 * HOUR)

/* A row of the group "limits" that is a duration. */
#define LIMIT(word, member, text, longest)                                   \
    {                                                                        \
        .name = "limits." word, .kind = KIND_DURATION, .offset = AT(member), \
        .default_text = (text), .least = 1, .most = (longest)                \
    }

/* The settings. Those of the command line come first. */
static const struct row rows[] = {
    {.name = "library",
     .kind = KIND_PATH,
     .offset = AT(library),
     .option = "DIR",
     .help = "the folder to serve"},
    {.name = "listen",
     .kind = KIND_ADDRESSES,
     .offset = AT(listen),
     .default_text = ADDRESS_DEFAULT,
     .option = "ADDRESS",
     .help = "where to listen; may be given more than once"},
    {.name = "anonymous",
     .kind = KIND_RIGHTS,
     .offset = AT(anonymous),
     .default_text = "",
     .option = "RIGHTS",
     .help = "what everybody may do, as in 'list get put'"},
    {.name = "records", .kind = KIND_BOOL, .offset = AT(records), .default_text = "true"},
    {.name = "limits.sessions",
     .kind = KIND_COUNT,
     .offset = AT(sessions),
     .default_text = "512",
     .least = 1,
     .most = 1000000},
    LIMIT("idle", idle_ms, "5m", 365 * DAY),
    LIMIT("request", request_ms, "30s", DAY),
    LIMIT("stall", stall_ms, "60s", DAY),
    LIMIT("wait", wait_ms, "6h", 365 * DAY),
    LIMIT("linger", linger_ms, "30s", HOUR),
    LIMIT("drain", drain_ms, "30s", DAY),
    LIMIT("heartbeat", heartbeat_ms, "10s", HOUR),
};

static const size_t row_count = sizeof rows / sizeof rows[0];

static int refuse(char fault[SETTINGS_FAULT_ROOM], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(char fault[SETTINGS_FAULT_ROOM], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(fault, SETTINGS_FAULT_ROOM, format, arguments);
    va_end(arguments);
    return -REASON_USAGE;
}

static void *member(struct settings *settings, const struct row *row)
{
    return (char *)settings + row->offset;
}

static const struct row *find_row(const char *name)
{
    for (size_t i = 0; i < row_count; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    return NULL;
}

static int set_number(struct settings *settings, const struct row *row, int64_t number,
                      const char *text, char fault[SETTINGS_FAULT_ROOM])
{
    if (number < row->least || number > row->most)
        return refuse(fault, "%s: %s is too %s", row->name, text,
                      number < row->least ? "small" : "large");
    *(int64_t *)member(settings, row) = number;
    return 0;
}

static int set_path(struct settings *settings, const struct row *row, const char *text,
                    char fault[SETTINGS_FAULT_ROOM])
{
    char **path = member(settings, row);

    if (text[0] != '/')
        return refuse(fault, "%s: \"%s\" is not an absolute path", row->name, text);
    char *copy = strdup(text);
    if (copy == NULL)
        return refuse(fault, "%s: %s", row->name, strerror(errno));
    free(*path);
    *path = copy;
    return 0;
}

static int add_address(struct settings *settings, const struct row *row, const char *text,
                       char fault[SETTINGS_FAULT_ROOM])
{
    struct address address;
    const char *wrong = address_parse(text, &address);

    if (wrong != NULL)
        return refuse(fault, "%s: %s: %s", row->name, text, wrong);
    if (address.kind == ADDRESS_EXEC)
        return refuse(fault, "%s: %s: a daemon cannot listen on a command", row->name, text);
    if (address.kind == ADDRESS_TLS)
        return refuse(fault, "%s: %s: " ADDRESS_NO_TLS, row->name, text);
    if (settings->listen_count == SETTINGS_LISTEN_MOST)
        return refuse(fault, "%s: more than %d addresses", row->name, SETTINGS_LISTEN_MOST);
    char *copy = strdup(text);
    if (copy == NULL)
        return refuse(fault, "%s: %s", row->name, strerror(errno));
    settings->listen[settings->listen_count++] = copy;
    return 0;
}

static void forget_addresses(struct settings *settings)
{
    while (settings->listen_count > 0)
        free(settings->listen[--settings->listen_count]);
    memset(settings->listen, 0, sizeof settings->listen);
}

static int set_rights(struct settings *settings, const struct row *row, const char *text,
                      char fault[SETTINGS_FAULT_ROOM])
{
    const char *word = NULL;
    size_t length = 0;

    if (access_parse_rights(text, member(settings, row), &word, &length))
        return 0;
    return refuse(fault, "%s: \"%.*s\" is no right", row->name, (int)length, word);
}

/* Sets one setting to what was written for it; an address is added to those that are there. */
static int set_text(struct settings *settings, const struct row *row, const char *text,
                    char fault[SETTINGS_FAULT_ROOM])
{
    int64_t number = 0;

    switch (row->kind) {
    case KIND_PATH:
        return set_path(settings, row, text, fault);
    case KIND_ADDRESSES:
        return add_address(settings, row, text, fault);
    case KIND_RIGHTS:
        return set_rights(settings, row, text, fault);
    case KIND_BOOL:
        *(bool *)member(settings, row) = strcmp(text, "true") == 0;
        return 0;
    case KIND_COUNT:
        if (value_number(text, strlen(text), &number))
            return set_number(settings, row, number, text, fault);
        break;
    case KIND_DURATION:
        if (value_duration(text, strlen(text), &number))
            return set_number(settings, row, number, text, fault);
        break;
    }
    return refuse(fault, "%s: \"%s\" is not %s", row->name, text, kind_words[row->kind]);
}

static int set_addresses(struct settings *settings, const struct row *row,
                         const config_setting_t *setting, char fault[SETTINGS_FAULT_ROOM])
{
    int code = 0;

    forget_addresses(settings);
    if (config_setting_type(setting) == CONFIG_TYPE_STRING)
        return add_address(settings, row, config_setting_get_string(setting), fault);
    for (unsigned i = 0; code == 0 && i < (unsigned)config_setting_length(setting); i++) {
        const char *text = config_setting_get_string_elem(setting, (int)i);
        if (text == NULL)
            return refuse(fault, "%s must be %s", row->name, kind_words[row->kind]);
        code = add_address(settings, row, text, fault);
    }
    if (code == 0 && settings->listen_count == 0)
        return refuse(fault, "%s has no address", row->name);
    return code;
}

/* Sets one setting of the file; its type must be the one that the table tells. */
static int set_from_file(struct settings *settings, const struct row *row,
                         const config_setting_t *setting, char fault[SETTINGS_FAULT_ROOM])
{
    char number[24];
    int type = config_setting_type(setting);

    switch (row->kind) {
    case KIND_ADDRESSES:
        if (type == CONFIG_TYPE_STRING || type == CONFIG_TYPE_LIST || type == CONFIG_TYPE_ARRAY)
            return set_addresses(settings, row, setting, fault);
        break;
    case KIND_BOOL:
        if (type == CONFIG_TYPE_BOOL)
            return set_text(settings, row, config_setting_get_bool(setting) ? "true" : "false",
                            fault);
        break;
    case KIND_COUNT:
        if (type == CONFIG_TYPE_INT) {
            (void)snprintf(number, sizeof number, "%d", config_setting_get_int(setting));
            return set_number(settings, row, config_setting_get_int(setting), number, fault);
        }
        break;
    default:
        if (type == CONFIG_TYPE_STRING)
            return set_text(settings, row, config_setting_get_string(setting), fault);
    }
    return refuse(fault, "%s must be %s", row->name, kind_words[row->kind]);
}

/* Adds file and line in front of what is wrong with a setting. */
static int place(const config_setting_t *setting, const char *path, char fault[SETTINGS_FAULT_ROOM])
{
    char wrong[SETTINGS_FAULT_ROOM];
    const char *file = config_setting_source_file(setting);

    memcpy(wrong, fault, sizeof wrong);
    return refuse(fault, "%s:%u: %.400s", file != NULL ? file : path,
                  (unsigned)config_setting_source_line(setting), wrong);
}

static int take_setting(struct settings *settings, const config_setting_t *setting,
                        const char *name, const char *path, char fault[SETTINGS_FAULT_ROOM])
{
    const struct row *row = find_row(name);
    int code = row != NULL ? set_from_file(settings, row, setting, fault)
                           : refuse(fault, "there is no setting %s", name);

    return code < 0 ? place(setting, path, fault) : 0;
}

/* Takes every setting of a group; the names of those of the group "limits" begin with "limits.". */
static int take_group(struct settings *settings, const config_setting_t *group, const char *prefix,
                      const char *path, char fault[SETTINGS_FAULT_ROOM])
{
    int code = 0;

    for (unsigned i = 0; code == 0 && i < (unsigned)config_setting_length(group); i++) {
        char name[128];
        const config_setting_t *setting = config_setting_get_elem(group, i);
        (void)snprintf(name, sizeof name, "%s%.64s", prefix, config_setting_name(setting));
        if (strcmp(name, "limits") == 0 && config_setting_is_group(setting))
            code = take_group(settings, setting, "limits.", path, fault);
        else
            code = take_setting(settings, setting, name, path, fault);
    }
    return code;
}

/*
 * Reads a whole regular file: a FIFO would block for ever. The text is to be freed; NULL with errno
 * set when there is none.
 */
static char *read_text(const char *path)
{
    struct stat status;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size < FILE_LARGEST)
        text = calloc(1, FILE_LARGEST);
    else
        errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    ssize_t length = text != NULL ? read(fd, text, FILE_LARGEST - 1) : 0;
    if (length < 0 || (text != NULL && strlen(text) < (size_t)length)) {
        /* What stands behind a NUL would silently be lost. */
        errno = length < 0 ? errno : EILSEQ;
        free(text);
        text = NULL;
    }
    int error = errno;
    (void)close(fd);
    errno = error;
    return text;
}

/* The line on which something is included; 0 for none. */
static unsigned find_include(const char *text)
{
    static const char include[] = "@include";
    unsigned number = 1;

    for (const char *line = text; line != NULL; number++) {
        line += strspn(line, " \t");
        if (strncmp(line, include, sizeof include - 1) == 0)
            return number;
        line = strchr(line, '\n');
        if (line != NULL)
            line++;
    }
    return 0;
}

static int parse_text(struct settings *settings, const char *text, const char *path,
                      char fault[SETTINGS_FAULT_ROOM])
{
    config_t config;
    int code = 0;
    unsigned include = find_include(text);

    /* libconfig 1.5 ends the whole program when what is included is a folder. */
    if (include > 0)
        return refuse(fault, "%s:%u: @include is not taken here", path, include);
    config_init(&config);
    if (config_read_string(&config, text) == CONFIG_TRUE)
        code = take_group(settings, config_root_setting(&config), "", path, fault);
    else
        code = refuse(fault, "%s:%d: %s", path, config_error_line(&config),
                      config_error_text(&config));
    config_destroy(&config);
    return code;
}

void settings_init(struct settings *settings)
{
    char fault[SETTINGS_FAULT_ROOM];

    *settings = (struct settings){.library = NULL};
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].default_text != NULL)
            (void)set_text(settings, &rows[i], rows[i].default_text, fault);
    }
}

void settings_release(struct settings *settings)
{
    forget_addresses(settings);
    free(settings->library);
    settings->library = NULL;
}

int settings_read_file(struct settings *settings, const char *path, bool optional,
                       char fault[SETTINGS_FAULT_ROOM])
{
    char *text = read_text(path);

    if (text == NULL && optional && errno == ENOENT)
        return 0;
    if (text == NULL)
        return refuse(fault, "%s: %s", path, strerror(errno));
    int code = parse_text(settings, text, path, fault);
    free(text);
    return code;
}

size_t settings_option_count(void)
{
    size_t count = 0;

    while (count < row_count && rows[count].option != NULL)
        count++;
    return count;
}

const char *settings_option_name(size_t option)
{
    return rows[option].name;
}

int settings_set_option(struct settings *settings, size_t option, const char *value,
                        char fault[SETTINGS_FAULT_ROOM])
{
    char wrong[SETTINGS_FAULT_ROOM];
    char folder[PATH_MAX];
    char path[2 * PATH_MAX + 1];
    const struct row *row = &rows[option];

    if (row->kind == KIND_ADDRESSES && !settings->listen_is_option) {
        forget_addresses(settings);
        settings->listen_is_option = true;
    }
    /* On the command line a path may be told from where one is. */
    if (row->kind == KIND_PATH && value[0] != '/' && value[0] != '\0' && strlen(value) < PATH_MAX &&
        getcwd(folder, sizeof folder) != NULL) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, value);
        value = path;
    }
    if (set_text(settings, row, value, wrong) == 0)
        return 0;
    return refuse(fault, "--%.500s", wrong);
}

int settings_complete(struct settings *settings, char fault[SETTINGS_FAULT_ROOM])
{
    if (settings->library == NULL)
        return refuse(fault, "no library: say which folder to serve with --library DIR, or in the "
                             "configuration file");
    return 0;
}

void settings_print_options(void)
{
    for (size_t i = 0; i < settings_option_count(); i++) {
        char head[64];
        (void)snprintf(head, sizeof head, "--%s %s", rows[i].name, rows[i].option);
        (void)printf("  %-22s %s\n", head, rows[i].help);
    }
}
