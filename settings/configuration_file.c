#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "protocol/descriptor.h"
#include "settings/configuration.h"
#include "settings/control.h"
#include "settings/spelling.h"

enum {
    /* Bytes of a file, with a NUL: libconfig compares each setting with all that came before it. */
    FILE_LARGEST = 64 * 1024,
    DIGITS_MOST = 9, /* of a number: it fits 32 bits */
};

/* A name, number, true, false or directive and its length. Returns what is wrong with it, or NULL. */
static const char *scan_word(const char *text, size_t *ret_length)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+*@";
    size_t length = strspn(text, letters);
    size_t sign = strspn(text, "+-") > 0 ? 1 : 0;
    size_t digits = strspn(text + sign, "0123456789");

    if (text[0] == '@')
        return "@include and other directives are not supported";
    if (digits > 0 &&
        (sign + digits != length || digits > DIGITS_MOST || (text[sign] == '0' && digits > 1)))
        return "a number must be decimal, with at most nine digits and no leading zeros";
    *ret_length = length > 0 ? length : 1;
    return NULL;
}

/*
 * Refuses what different versions of libconfig read in different ways, or drop silently: integers
 * that are octal in 1.7 and decimal in 1.5, or too large for one of them; comments that are not
 * closed; a comma after the last value; a NUL in a text, which would end it or be dropped; and
 * @include, for which 1.5 ends the process when it is given a folder.
 */
static int scan(const char *text, struct fault *fault)
{
    unsigned comma = 0; /* the line of a comma that no value has followed yet */
    const char *wrong = NULL;

    fault->line = 1;
    for (size_t length = 1; *text != '\0'; text += length) {
        bool is_blank = strchr(" \t\r\n\f", *text) != NULL;
        bool is_line_comment = *text == '#' || strncmp(text, "//", 2) == 0;
        bool is_comment = strncmp(text, "/*", 2) == 0;

        length = 1;
        if (is_line_comment) {
            length = strcspn(text, "\n");
        } else if (is_comment) {
            const char *end = strstr(text + 2, "*/");
            length = end != NULL ? (size_t)(end + 2 - text) : 0;
            wrong = end == NULL ? "this comment is not closed" : NULL;
        } else if (comma > 0 && (*text == ')' || *text == ']')) {
            fault->line = comma;
            wrong = "no value follows this comma";
        } else if (*text == '"') {
            while (text[length] != '\0' && text[length] != '"') {
                if (strncmp(text + length, "\\x00", 4) == 0)
                    wrong = "a string cannot hold \\x00";
                length += text[length] == '\\' && text[length + 1] != '\0' ? 2 : 1;
            }
            length += text[length] == '"';
        } else if (!is_blank) {
            wrong = scan_word(text, &length);
        }
        if (wrong != NULL)
            return fault_refuse(fault, "%s", wrong);
        if (!is_blank && !is_line_comment && !is_comment)
            comma = *text == ',' ? fault->line : 0;
        for (size_t i = 0; i < length; i++)
            fault->line += text[i] == '\n';
    }
    return 0;
}

/* Settings of a file, or those of one group of a list, that are being taken. */
struct source {
    struct configuration *configuration;
    const char *within; /* goes before names in faults: "NAME[0]." for those of a group */
    bool is_more;       /* other files came before */
    struct fault *fault;
};

static int take_group(const struct source *source, const config_setting_t *group,
                      const char *prefix);

/* From here on, faults are about this setting. */
static void set_place(const struct source *source, const config_setting_t *setting,
                      const char *name)
{
    source->fault->line = config_setting_source_line(setting);
    (void)snprintf(source->fault->name, FAULT_NAME_ROOM, "%s%s", source->within, name);
}

/* Takes the value of a setting, whose type must be the one of the table. */
static int take_value(const struct source *source, const struct setting *row,
                      const config_setting_t *setting, const char *origin)
{
    char number[24];
    const char *text = NULL;
    int type = config_setting_type(setting);

    if (row->kind == SETTING_BOOL && type == CONFIG_TYPE_BOOL)
        text = config_setting_get_bool(setting) ? "true" : "false";
    if (row->kind == SETTING_COUNT && type == CONFIG_TYPE_INT) {
        (void)snprintf(number, sizeof number, "%d", config_setting_get_int(setting));
        text = number;
    }
    if (row->kind != SETTING_BOOL && row->kind != SETTING_COUNT && row->kind != SETTING_GROUPS)
        text = config_setting_get_string(setting);
    return text != NULL ? configuration_set(source->configuration, row, text, origin, source->fault)
                        : fault_refuse(source->fault, "must be %s", setting_kind_text(row->kind));
}

/* Takes one group of a list. */
static int take_element(const struct source *source, const struct setting *row,
                        const config_setting_t *setting, unsigned place, const char *origin)
{
    char name[64];
    char within[sizeof name + 1];
    struct configuration group;
    const struct source inner = {.configuration = &group, .within = within, .fault = source->fault};

    (void)snprintf(name, sizeof name, "%.40s[%u]", row->name, place);
    (void)snprintf(within, sizeof within, "%s.", name);
    set_place(source, setting, name);
    if (!config_setting_is_group(setting))
        return fault_refuse(source->fault, "must be a group, { ... }");
    configuration_begin_group(&group, row);
    int code = take_group(&inner, setting, "");
    if (code < 0) {
        configuration_release_group(&group);
        return code;
    }
    set_place(source, setting, name);
    return configuration_add_group(source->configuration, row, &group, origin, source->fault);
}

/* Do names of the table begin with this one and a point? */
static bool is_group(const struct source *source, const char *name)
{
    size_t length = strlen(name);
    const struct setting *row = source->configuration->table;

    while (row->name != NULL && (strncmp(row->name, name, length) != 0 || row->name[length] != '.'))
        row++;
    return row->name != NULL;
}

static int refuse_unknown(const struct source *source, const char *name)
{
    const struct setting *row = source->configuration->table;
    struct spelling spelling;
    const char *nearest = NULL;
    const char *dot = strrchr(name, '.');
    const char *last = dot != NULL ? dot + 1 : name;

    spelling_begin(&spelling, name, strlen(name));
    for (; row->name != NULL; row++) {
        spelling_try(&spelling, row->name);
        /* The name may be right, and its group missing. */
        dot = strrchr(row->name, '.');
        if (dot != NULL && strcmp(dot + 1, last) == 0)
            nearest = row->name;
    }
    if (nearest == NULL)
        nearest = spelling_nearest(&spelling);
    return nearest != NULL
               ? fault_refuse(source->fault, "unknown setting; did you mean %s?", nearest)
               : fault_refuse(source->fault, "unknown setting");
}

static int take_setting(const struct source *source, const config_setting_t *setting,
                        const char *name)
{
    const struct setting *row = configuration_find(source->configuration->table, name);
    int type = config_setting_type(setting);
    char *origin = NULL;
    int code = 0;

    set_place(source, setting, name);
    if (row == NULL && is_group(source, name))
        return fault_refuse(source->fault, "must be a group, { ... }");
    if (row == NULL)
        return refuse_unknown(source, name);
    if (asprintf(&origin, "%s:%u", source->fault->file, source->fault->line) < 0)
        abort();
    const char *before = configuration_origin(source->configuration, row);
    if ((source->is_more || row->is_joined) && before != NULL && strcmp(before, "default") != 0) {
        if (row->kind == SETTING_LIST) {
            configuration_add_origin(source->configuration, row, origin);
            before = configuration_origin(source->configuration, row);
        }
        free(origin);
        if (row->kind != SETTING_LIST && row->kind != SETTING_GROUPS)
            return fault_refuse(source->fault, "is set already, in %s", before);
        origin = strdup(before);
        if (origin == NULL)
            abort();
    }
    bool is_list =
        (row->kind == SETTING_LIST && type == CONFIG_TYPE_ARRAY) ||
        ((row->kind == SETTING_LIST || row->kind == SETTING_GROUPS) && type == CONFIG_TYPE_LIST);
    unsigned length = is_list ? (unsigned)config_setting_length(setting) : 0;
    if (!is_list)
        code = take_value(source, row, setting, origin);
    else if (length == 0)
        code = fault_refuse(source->fault, "the list is empty");
    for (unsigned i = 0; code == 0 && i < length; i++) {
        const config_setting_t *element = config_setting_get_elem(setting, i);
        code = row->kind == SETTING_GROUPS ? take_element(source, row, element, i, origin)
                                           : take_value(source, row, element, origin);
    }
    free(origin);
    return code;
}

/* Takes every setting of a group; `prefix` is the group's name and a point, or empty. */
static int take_group(const struct source *source, const config_setting_t *group,
                      const char *prefix)
{
    int code = 0;

    for (unsigned i = 0; code == 0 && i < (unsigned)config_setting_length(group); i++) {
        char name[FAULT_NAME_ROOM];
        char below[sizeof name + 1];
        const config_setting_t *setting = config_setting_get_elem(group, i);
        (void)snprintf(name, sizeof name, "%.30s%.90s", prefix, config_setting_name(setting));
        (void)snprintf(below, sizeof below, "%s.", name);
        code = is_group(source, name) && config_setting_is_group(setting)
                   ? take_group(source, setting, below)
                   : take_setting(source, setting, name);
    }
    return code;
}

/*
 * Refuses a file that nobody has named, if others than root and this user decide what is in it. The
 * status is that of the open file; in folders that are ours, nobody else can replace it.
 */
static int check_control(const char *path, const struct stat *status, const char *advice,
                         struct fault *fault)
{
    struct control control;
    char user[CONTROL_USER_ROOM];

    control_find(&control, path);
    if (!control_is_ours(status))
        return fault_refuse(fault, "belongs to %s (%s)", control_name_user(status->st_uid, user),
                            advice);
    if (control.kind == CONTROL_OWNER)
        return fault_refuse(fault, "its folder %s belongs to %s (%s)", control.folder,
                            control_name_user(control.owner, user), advice);
    if (control.kind == CONTROL_OTHERS)
        return fault_refuse(fault, "others can write to its folder %s (use chmod go-w, or %s)",
                            control.folder, advice);
    return control_is_shared(path, status)
               ? fault_refuse(fault, "others can write to it (use chmod go-w, or %s)", advice)
               : 0;
}

char *configuration_load(const char *path, const char *advice, struct fault *fault)
{
    struct stat status;
    const char *wrong = NULL;
    char *text = malloc(FILE_LARGEST + 1);
    /* Not opened: a device may do something then, and a FIFO has a writer that waits for that. */
    bool is_there = stat(path, &status) == 0;
    bool is_special = is_there && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) &&
                      status.st_rdev != makedev(1, 3);
    /* If it has become a FIFO, it would block for ever without O_NONBLOCK. */
    int fd =
        is_there && !is_special ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    /* In a folder that may not be searched a file counts as missing, too. */
    bool is_missing = fd < 0 && (errno == ENOENT || errno == ENOTDIR ||
                                 (errno == EACCES && access(path, F_OK) < 0));

    *fault = (struct fault){.file = path};
    if (text != NULL)
        text[0] = '\0';
    if (text == NULL) {
        wrong = strerror(ENOMEM);
    } else if (!is_special && (fd < 0 || fstat(fd, &status) < 0)) {
        wrong = advice != NULL && is_missing ? NULL : strerror(errno);
    } else if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3)) {
        wrong = NULL; /* /dev/null: an empty file */
    } else if (S_ISDIR(status.st_mode)) {
        wrong = strerror(EISDIR);
    } else if (!S_ISREG(status.st_mode)) {
        wrong = "it is not a regular file";
    } else if (status.st_size >= FILE_LARGEST) {
        wrong = strerror(EFBIG);
    } else if (advice != NULL && check_control(path, &status, advice, fault) < 0) {
        wrong = "";
    } else {
        ssize_t length = read(fd, text, FILE_LARGEST - 1);
        if (length < 0)
            wrong = strerror(errno);
        else if (memchr(text, '\0', (size_t)length) != NULL)
            wrong = strerror(EILSEQ); /* what follows a NUL would silently be lost */
        else if (length > 0 && text[length - 1] != '\n')
            memcpy(text + length, "\n", sizeof "\n"); /* or 1.5 refuses a comment at the end */
        else
            text[length] = '\0';
    }
    descriptor_close(fd);
    if (wrong == NULL)
        return text;
    free(text);
    if (wrong[0] != '\0')
        (void)fault_refuse(fault, "%s", wrong);
    return NULL;
}

static int parse(const struct source *source, const char *text, const char *path)
{
    struct fault *fault = source->fault;
    config_t config;

    *fault = (struct fault){.file = path};
    int code = scan(text, fault);
    if (code < 0)
        return code;
    config_init(&config);
    if (config_read_string(&config, text) == CONFIG_TRUE) {
        code = take_group(source, config_root_setting(&config), "");
    } else {
        fault->line = (unsigned)config_error_line(&config);
        const char *wrong = config_error_text(&config);
        code =
            fault_refuse(fault, "%s%s", wrong,
                         strcmp(wrong, "syntax error") == 0
                             ? " (a setting is name = value; with text in double quotes, a group "
                               "is name = { ... };)"
                             : "");
    }
    config_destroy(&config);
    return code;
}

int configuration_parse(struct configuration *configuration, const char *text, const char *path,
                        struct fault *fault)
{
    const struct source source = {.configuration = configuration, .within = "", .fault = fault};

    return parse(&source, text, path);
}

int configuration_parse_more(struct configuration *configuration, const char *text,
                             const char *path, struct fault *fault)
{
    const struct source source = {
        .configuration = configuration, .within = "", .is_more = true, .fault = fault};

    return parse(&source, text, path);
}
