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
#include "protocol/reason.h"
#include "settings/configuration.h"

/*
 * What libconfig takes in one way here and in another there, or drops without a word, is looked for
 * before it reads a text: integers that are octal in 1.7 and decimal in 1.5, or too large for one
 * of them; comments that are not closed; commas behind the last one; a NUL in a text, which would
 * be its end or no part of it; and @include, of which 1.5 ends the process when a folder is
 * included.
 */

enum {
    /* Bytes of a file, with a NUL: libconfig compares each setting with all that came before it. */
    FILE_LARGEST = 64 * 1024,
    DIGITS_MOST = 9, /* of a number: it fits 32 bits */
};

static const char blanks[] = " \t\r\n\f";

/* A file being taken. */
struct source {
    struct configuration *configuration;
    const char *path;
    const char *within; /* stands before names in faults: "NAME[0]." for those of a group */
    char *fault;
};

/* A place in the text. */
struct place {
    const char *at;
    unsigned line;
};

static void step(struct place *place)
{
    if (*place->at == '\n')
        place->line++;
    place->at++;
}

/* Steps behind `end`; returns false when it does not come. */
static bool skip_past(struct place *place, const char *end)
{
    size_t length = strlen(end);

    while (*place->at != '\0' && strncmp(place->at, end, length) != 0)
        step(place);
    if (*place->at == '\0')
        return false;
    for (; length > 0; length--)
        step(place);
    return true;
}

/* Steps behind a comment between marks. Returns what is wrong with it, or NULL. */
static const char *skip_comment(struct place *place)
{
    place->at += 2;
    return skip_past(place, "*/") ? NULL : "this comment is not closed";
}

/* Steps behind a string, whose end libconfig itself looks for. */
static const char *skip_string(struct place *place)
{
    step(place);
    while (*place->at != '\0' && *place->at != '"') {
        if (strncmp(place->at, "\\x00", 4) == 0)
            return "a text cannot hold \\x00";
        if (*place->at == '\\' && place->at[1] != '\0')
            step(place);
        step(place);
    }
    if (*place->at != '\0')
        step(place);
    return NULL;
}

static bool is_of(char byte, const char *set)
{
    return byte != '\0' && strchr(set, byte) != NULL;
}

/* A word: a name, a number, true or false. Returns what is wrong with it, or NULL. */
static const char *skip_word(struct place *place)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+*@";
    size_t length = strspn(place->at, letters);
    const char *digits = place->at + (is_of(*place->at, "+-") ? 1 : 0);
    size_t count = strspn(digits, "0123456789");

    if (*place->at == '@')
        return "@include and its like are not taken here";
    bool is_number = count > 0;
    bool is_plain = digits + count == place->at + length && count <= DIGITS_MOST &&
                    (digits[0] != '0' || count == 1);
    place->at += length;
    return is_number && !is_plain
               ? "a number is decimal, with nine digits at most and no leading zeros"
               : NULL;
}

static void skip_line(struct place *place)
{
    (void)skip_past(place, "\n");
}

static bool is_line_comment(const char *at)
{
    return *at == '#' || strncmp(at, "//", 2) == 0;
}

static bool is_comment(const char *at)
{
    return strncmp(at, "/*", 2) == 0;
}

/* Is the next thing behind a comma the end of a list? */
static bool is_last_comma(struct place place)
{
    step(&place);
    for (;;) {
        if (is_comment(place.at))
            (void)skip_comment(&place);
        else if (is_line_comment(place.at))
            skip_line(&place);
        else if (is_of(*place.at, blanks))
            step(&place);
        else
            return is_of(*place.at, ")]");
    }
}

/* Steps over one thing. Returns what is wrong with it, or NULL. */
static const char *skip_thing(struct place *place)
{
    if (is_comment(place->at))
        return skip_comment(place);
    if (is_line_comment(place->at)) {
        skip_line(place);
        return NULL;
    }
    if (*place->at == '"')
        return skip_string(place);
    if (is_of(*place->at, blanks) || is_of(*place->at, ",;:={}()[]")) {
        const char *wrong =
            *place->at == ',' && is_last_comma(*place) ? "nothing stands behind the comma" : NULL;
        step(place);
        return wrong;
    }
    const char *before = place->at;
    const char *wrong = skip_word(place);
    if (wrong == NULL && place->at == before)
        step(place); /* libconfig will refuse it */
    return wrong;
}

static int look_through(const struct source *source, const char *text)
{
    struct place place = {.at = text, .line = 1};

    while (*place.at != '\0') {
        unsigned line = place.line;
        const char *wrong = skip_thing(&place);
        if (wrong != NULL)
            return configuration_refuse(source->fault, "%s:%u: %s", source->path, line, wrong);
    }
    return 0;
}

static int take_group(const struct source *source, const config_setting_t *group,
                      const char *prefix);

static int refuse_type(const struct source *source, const struct setting *row)
{
    return configuration_refuse(source->fault, "it must be %s", setting_kind_text(row->kind));
}

static int take_list(const struct source *source, const struct setting *row,
                     const config_setting_t *setting, const char *origin)
{
    int code = 0;
    int length = config_setting_length(setting);

    if (length == 0)
        return configuration_refuse(source->fault, "the list is empty");
    for (unsigned i = 0; code == 0 && i < (unsigned)length; i++) {
        const char *text = config_setting_get_string_elem(setting, (int)i);
        code = text != NULL
                   ? configuration_set(source->configuration, row, text, origin, source->fault)
                   : refuse_type(source, row);
    }
    return code;
}

/* Takes the value of a setting; its type must be the one that the table tells. */
static int take_value(const struct source *source, const struct setting *row,
                      const config_setting_t *setting, const char *origin)
{
    char number[24];
    const char *text = NULL;
    int type = config_setting_type(setting);

    if (row->kind == SETTING_LIST && (type == CONFIG_TYPE_LIST || type == CONFIG_TYPE_ARRAY))
        return take_list(source, row, setting, origin);
    if (row->kind == SETTING_BOOL) {
        if (type == CONFIG_TYPE_BOOL)
            text = config_setting_get_bool(setting) ? "true" : "false";
    } else if (row->kind == SETTING_COUNT) {
        (void)snprintf(number, sizeof number, "%d", config_setting_get_int(setting));
        if (type == CONFIG_TYPE_INT)
            text = number;
    } else if (type == CONFIG_TYPE_STRING && row->kind != SETTING_GROUPS) {
        text = config_setting_get_string(setting);
    }
    return text != NULL ? configuration_set(source->configuration, row, text, origin, source->fault)
                        : refuse_type(source, row);
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

/* "FILE:LINE", to be freed. */
static char *place_of(const struct source *source, const config_setting_t *setting)
{
    char *place = NULL;

    if (asprintf(&place, "%s:%u", source->path, (unsigned)config_setting_source_line(setting)) < 0)
        abort();
    return place;
}

/* Refuses a setting, with its place and its name in front of what is wrong. */
static int refuse_there(const struct source *source, const config_setting_t *setting,
                        const char *name, const char *wrong)
{
    char sentence[CONFIGURATION_FAULT_ROOM];

    (void)snprintf(sentence, sizeof sentence, "%s", wrong); /* it may be the fault itself */
    return configuration_refuse(source->fault, "%s:%u: %s%s: %.600s", source->path,
                                (unsigned)config_setting_source_line(setting), source->within, name,
                                sentence);
}

/* Takes one of a list of groups; `origin` is the place of the list. */
static int take_one_group(const struct source *source, const struct setting *row,
                          const config_setting_t *setting, const char *name, const char *origin)
{
    char within[128];
    struct configuration group;
    const struct source inner = {
        .configuration = &group, .path = source->path, .within = within, .fault = source->fault};
    void *values = calloc(1, row->size);

    if (values == NULL)
        abort();
    (void)snprintf(within, sizeof within, "%s.", name);
    configuration_init(&group, row->members, values);
    int code = take_group(&inner, setting, "");
    char *text = configuration_show_group(&group);
    if (text == NULL)
        abort();
    if (code == 0 && configuration_set(source->configuration, row, text, origin, source->fault) < 0)
        code = refuse_there(source, setting, name, source->fault);
    free(text);
    configuration_release(&group);
    free(values);
    return code;
}

static int take_groups(const struct source *source, const struct setting *row,
                       const config_setting_t *list)
{
    char name[64];
    char *origin = place_of(source, list);
    unsigned length = (unsigned)config_setting_length(list);
    int code = length > 0 ? 0 : refuse_there(source, list, row->name, "the list is empty");

    for (unsigned i = 0; code == 0 && i < length; i++) {
        const config_setting_t *setting = config_setting_get_elem(list, i);
        (void)snprintf(name, sizeof name, "%.40s[%u]", row->name, i);
        code = config_setting_is_group(setting)
                   ? take_one_group(source, row, setting, name, origin)
                   : refuse_there(source, setting, name, "it must be a group, { ... }");
    }
    free(origin);
    return code;
}

/* Takes a setting; a fault gets its place and its name in front. */
static int take_setting(const struct source *source, const config_setting_t *setting,
                        const char *name)
{
    const struct setting *row = configuration_find(source->configuration->table, name);

    if (row != NULL && row->kind == SETTING_GROUPS && config_setting_is_list(setting))
        return take_groups(source, row, setting);
    char *origin = place_of(source, setting);
    int code = row != NULL ? take_value(source, row, setting, origin)
               : is_group(source, name)
                   ? configuration_refuse(source->fault, "it must be a group, { ... }")
                   : configuration_refuse(source->fault, "there is no such setting");
    if (code < 0)
        (void)refuse_there(source, setting, name, source->fault);
    free(origin);
    return code;
}

/* Takes every setting of a group; `prefix` is the group's name and a point, or empty. */
static int take_group(const struct source *source, const config_setting_t *group,
                      const char *prefix)
{
    int code = 0;

    for (unsigned i = 0; code == 0 && i < (unsigned)config_setting_length(group); i++) {
        char name[128];
        char below[sizeof name + 1];
        const config_setting_t *setting = config_setting_get_elem(group, i);
        (void)snprintf(name, sizeof name, "%.30s%.90s", prefix, config_setting_name(setting));
        (void)snprintf(below, sizeof below, "%s.", name);
        if (is_group(source, name) && config_setting_is_group(setting))
            code = take_group(source, setting, below);
        else
            code = take_setting(source, setting, name);
    }
    return code;
}

/* The text of an open file; NULL with errno set. */
static char *read_text(int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return NULL;
    if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3))
        return strdup(""); /* /dev/null: none of the settings */
    if (!S_ISREG(status.st_mode) || status.st_size >= FILE_LARGEST) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : S_ISREG(status.st_mode) ? EFBIG : EINVAL;
        return NULL;
    }
    char *text = calloc(1, FILE_LARGEST + 1);
    ssize_t length = text != NULL ? read(fd, text, FILE_LARGEST - 1) : -1;
    /* What stands behind a NUL would silently be lost. */
    if (length >= 0 && strlen(text) == (size_t)length) {
        /* libconfig 1.5 takes a comment that is the end for an error. */
        if (length > 0 && text[length - 1] != '\n')
            text[length] = '\n';
        return text;
    }
    errno = length < 0 ? errno : EILSEQ;
    free(text);
    return NULL;
}

char *configuration_load(const char *path, bool optional, char fault[CONFIGURATION_FAULT_ROOM])
{
    /* A FIFO would block for ever without O_NONBLOCK. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    /* Where the folder may not be searched nobody knows of a file. */
    bool is_missing = fd < 0 && (errno == ENOENT || errno == ENOTDIR ||
                                 (errno == EACCES && access(path, F_OK) < 0));
    char *text = fd >= 0 ? read_text(fd) : optional && is_missing ? strdup("") : NULL;

    if (text == NULL)
        (void)configuration_refuse(fault, "%s: %s", path,
                                   errno == EINVAL ? "it is no regular file" : strerror(errno));
    descriptor_close(fd);
    return text;
}

int configuration_take_text(struct configuration *configuration, const char *text, const char *path,
                            char fault[CONFIGURATION_FAULT_ROOM])
{
    const struct source source = {
        .configuration = configuration, .path = path, .within = "", .fault = fault};
    config_t config;
    int code = look_through(&source, text);

    if (code < 0)
        return code;
    config_init(&config);
    if (config_read_string(&config, text) == CONFIG_TRUE)
        code = take_group(&source, config_root_setting(&config), "");
    else
        code = configuration_refuse(fault, "%s:%d: %s", path, config_error_line(&config),
                                    config_error_text(&config));
    config_destroy(&config);
    return code;
}

int configuration_take_file(struct configuration *configuration, const char *path, bool optional,
                            char fault[CONFIGURATION_FAULT_ROOM])
{
    char *text = configuration_load(path, optional, fault);
    int code =
        text != NULL ? configuration_take_text(configuration, text, path, fault) : -REASON_USAGE;

    free(text);
    return code;
}
