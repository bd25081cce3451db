#include "settings/configuration.h"

#include <argz.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/reason.h"
#include "protocol/value.h"

/* What each kind has to be, in a word and in full. */
static const struct {
    const char *word;
    const char *text;
} kinds[] = {
    [SETTING_PATH] = {"a path", "an absolute path in quotes"},
    [SETTING_TEXT] = {"a text", "a text in quotes"},
    [SETTING_LIST] = {"a text or a list of them", "a text in quotes, or a list of them"},
    [SETTING_WORD] = {"one of", "a word in quotes"},
    [SETTING_WORDS] = {"any of", "words in quotes, with spaces between"},
    [SETTING_BOOL] = {"true or false", "true or false"},
    [SETTING_COUNT] = {"a number", "a number"},
    [SETTING_DURATION] = {"a duration", "a duration in quotes, as in \"30s\", \"5m\" or \"2h\""},
    [SETTING_SIZE] = {"a size", "a size in quotes, as in \"512K\", \"64M\" or \"10G\""},
    [SETTING_MODE] = {"a mode", "a mode in quotes, as in \"0640\""},
    [SETTING_GROUPS] = {"a list of groups", "a list of groups, ( { ... }, { ... } )"},
};

static void *member(const struct configuration *configuration, const struct setting *row)
{
    return (char *)configuration->values + row->offset;
}

static struct setting_state *state_of(const struct configuration *configuration,
                                      const struct setting *row)
{
    return &configuration->states[row - configuration->table];
}

/* Names of words, as the list at the end of a sentence: "a, b, c". */
static const char *join_words(const char *const *words, char *text, size_t room)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; words[i] != NULL && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%s", i > 0 ? ", " : "", words[i]);
    return text;
}

static int find_word(const char *const *words, const char *bytes, size_t length)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strlen(words[i]) == length && memcmp(words[i], bytes, length) == 0)
            return i;
    }
    return -1;
}

static int refuse_word(const struct setting *row, const char *word, size_t length,
                       char fault[CONFIGURATION_FAULT_ROOM])
{
    char known[256];

    return configuration_refuse(fault, "\"%.*s\" is none of %s", length < 64 ? (int)length : 64,
                                word, join_words(row->words, known, sizeof known));
}

/* Reading a text of each kind into its member. */

static int read_words(const struct setting *row, const char *text, unsigned *ret,
                      char fault[CONFIGURATION_FAULT_ROOM])
{
    unsigned bits = 0;

    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        int place = find_word(row->words, text, length);
        if (place < 0)
            return refuse_word(row, text, length, fault);
        bits |= 1U << place;
        text += length;
    }
    *ret = bits;
    return 0;
}

/* The texts of a list as its member has them. */
static void fill_list(const struct setting_state *state, struct setting_list *list)
{
    const char *text = NULL;

    *list = (struct setting_list){.count = 0};
    while ((text = argz_next(state->texts, state->length, text)) != NULL)
        list->texts[list->count++] = text;
}

/* A bound as the user would write it. */
static const char *print_number(const struct setting *row, int64_t number,
                                char text[VALUE_UNIT_ROOM])
{
    if (row->kind == SETTING_DURATION)
        return value_print_duration(number, text);
    if (row->kind == SETTING_SIZE)
        return value_print_size(number, text);
    (void)snprintf(text, VALUE_UNIT_ROOM, "%lld", (long long)number);
    return text;
}

static int read_number(const struct setting *row, const char *text, int64_t *ret,
                       char fault[CONFIGURATION_FAULT_ROOM])
{
    int64_t number = 0;
    char bound[VALUE_UNIT_ROOM];
    size_t length = strlen(text);
    bool is_negative = row->kind == SETTING_COUNT && text[0] == '-';
    bool is_valid = is_negative                     ? value_number(text + 1, length - 1, &number)
                    : row->kind == SETTING_COUNT    ? value_number(text, length, &number)
                    : row->kind == SETTING_DURATION ? value_duration(text, length, &number)
                    : row->kind == SETTING_SIZE     ? value_size(text, length, &number)
                                                    : value_mode(text, length, &number);

    if (!is_valid)
        return configuration_refuse(fault, "\"%.64s\" is not %s", text, kinds[row->kind].text);
    if (row->kind != SETTING_MODE && (is_negative || number < row->least))
        return configuration_refuse(fault, "%s is too small: it must be %s at least", text,
                                    print_number(row, row->least, bound));
    if (row->kind != SETTING_MODE && number > row->most)
        return configuration_refuse(fault, "%s is too large: it must be %s at most", text,
                                    print_number(row, row->most, bound));
    *ret = number;
    return 0;
}

static int judge_text(const struct setting *row, const char *text,
                      char fault[CONFIGURATION_FAULT_ROOM])
{
    const char *wrong = row->judge != NULL ? row->judge(text) : NULL;

    return wrong != NULL
               ? configuration_refuse(fault, "%.500s%s%s", text, text[0] != '\0' ? ": " : "", wrong)
               : 0;
}

/* Judges a text, and sets the members that hold no texts. */
static int read_text(const struct configuration *configuration, const struct setting *row,
                     const char *text, char fault[CONFIGURATION_FAULT_ROOM])
{
    void *value = member(configuration, row);
    int place = 0;

    switch (row->kind) {
    case SETTING_PATH:
        return text[0] == '/'
                   ? 0
                   : configuration_refuse(fault, "\"%.500s\" is not an absolute path", text);
    case SETTING_TEXT:
    case SETTING_LIST:
        return judge_text(row, text, fault);
    case SETTING_WORD:
        place = find_word(row->words, text, strlen(text));
        if (place < 0)
            return refuse_word(row, text, strlen(text), fault);
        *(int *)value = place;
        return 0;
    case SETTING_WORDS:
        return read_words(row, text, value, fault);
    case SETTING_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return configuration_refuse(fault, "\"%.64s\" is not true or false", text);
        *(bool *)value = strcmp(text, "true") == 0;
        return 0;
    default:
        return read_number(row, text, value, fault);
    }
}

static void release_group(struct configuration *group)
{
    configuration_release(group);
    free(group->values);
}

/* Reads a group from its text. */
static int read_group(const struct setting *row, const char *text, struct configuration *ret,
                      char fault[CONFIGURATION_FAULT_ROOM])
{
    void *values = calloc(1, row->size);

    if (values == NULL)
        abort();
    configuration_init(ret, row->members, values);
    int code = configuration_take_text(ret, text, "", fault);
    if (code == 0)
        code = configuration_complete(ret, fault);
    const char *wrong = code == 0 ? row->judge_group(values) : NULL;
    if (wrong != NULL)
        code = configuration_refuse(fault, "%s", wrong);
    if (code < 0)
        release_group(ret);
    return code;
}

static void add_group(struct setting_groups *list, const struct configuration *group)
{
    list->groups = reallocarray(list->groups, list->count + 1, sizeof *list->groups);
    if (list->groups == NULL)
        abort();
    list->groups[list->count++] = *group;
}

static void forget_groups(struct setting_groups *list)
{
    while (list->count > 0)
        release_group(&list->groups[--list->count]);
    free(list->groups);
    list->groups = NULL;
}

/* The setting is as good as not set. */
static void forget_texts(const struct configuration *configuration, const struct setting *row)
{
    struct setting_state *state = state_of(configuration, row);

    free(state->texts);
    free(state->origin);
    *state = (struct setting_state){.texts = NULL};
    if (row->kind == SETTING_PATH || row->kind == SETTING_TEXT)
        *(const char **)member(configuration, row) = NULL;
    else if (row->kind == SETTING_GROUPS)
        forget_groups(member(configuration, row));
}

/* How many texts a setting may have. */
static size_t most_texts(const struct setting *row)
{
    return row->kind == SETTING_LIST     ? (size_t)SETTING_LIST_MOST
           : row->kind == SETTING_GROUPS ? (size_t)SETTING_GROUPS_MOST
                                         : 1;
}

/* Keeps a text, and sets the members that point to texts. */
static void keep_text(const struct configuration *configuration, const struct setting *row,
                      const char *text, const char *origin)
{
    struct setting_state *state = state_of(configuration, row);

    if (most_texts(row) == 1 || state->origin == NULL || strcmp(state->origin, origin) != 0)
        forget_texts(configuration, row);
    if (state->origin == NULL)
        state->origin = strdup(origin);
    if (state->origin == NULL || argz_add(&state->texts, &state->length, text) != 0)
        abort();
    if (row->kind == SETTING_LIST)
        fill_list(state, member(configuration, row));
    else if (row->kind == SETTING_PATH || row->kind == SETTING_TEXT)
        *(const char **)member(configuration, row) = state->texts;
}

/* Showing. */

static void print_quoted(FILE *file, const char *text)
{
    (void)fputc('"', file);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == 0x7F)
            (void)fprintf(file, "\\x%02X", byte);
        else
            (void)fprintf(file, byte == '"' || byte == '\\' ? "\\%c" : "%c", byte);
    }
    (void)fputc('"', file);
}

static void print_value(FILE *file, const struct setting *row, const struct setting_state *state)
{
    const char *text = NULL;
    bool is_bare = row->kind == SETTING_BOOL || row->kind == SETTING_COUNT;
    bool is_groups = row->kind == SETTING_GROUPS && state->texts != NULL;
    bool is_list = row->kind == SETTING_LIST && argz_count(state->texts, state->length) > 1;

    if (is_list)
        (void)fputs("[", file);
    else if (is_groups)
        (void)fputs("( ", file);
    while ((text = argz_next(state->texts, state->length, text)) != NULL) {
        if (text != state->texts)
            (void)fputs(", ", file);
        if (is_groups)
            (void)fprintf(file, "{ %s }", text);
        else if (is_bare)
            (void)fputs(text, file);
        else
            print_quoted(file, text);
    }
    if (is_list || is_groups)
        (void)fputs(is_list ? "]" : " )", file);
}

/* The length of the group's name in a row's name; 0 when it is in none. */
static size_t group_length(const char *name)
{
    const char *point = strchr(name, '.');

    return point != NULL ? (size_t)(point - name) : 0;
}

/* As a comment, which the name of a file must not end. */
static void print_origin(FILE *file, const char *origin)
{
    (void)fputs("; # ", file);
    for (; *origin != '\0'; origin++)
        (void)fputc((unsigned char)*origin < 0x20 ? '?' : *origin, file);
    (void)fputc('\n', file);
}

static void print_row(FILE *file, const struct setting *row, const struct setting_state *state)
{
    size_t group = group_length(row->name);

    (void)fprintf(file, "%s%s%s = ", group > 0 ? "    " : "", state->texts == NULL ? "#" : "",
                  row->name + (group > 0 ? group + 1 : 0));
    print_value(file, row, state);
    if (state->texts == NULL)
        (void)fputs("not set\n", file);
    else
        print_origin(file, state->origin);
}

/* Opens and closes the groups as the names of the rows tell. */
static void print_border(FILE *file, const struct setting *before, const struct setting *row)
{
    size_t left = before != NULL ? group_length(before->name) : 0;
    size_t entered = row->name != NULL ? group_length(row->name) : 0;

    if (left == entered && (left == 0 || memcmp(before->name, row->name, left) == 0))
        return;
    if (left > 0)
        (void)fputs("};\n", file);
    if (entered > 0)
        (void)fprintf(file, "%.*s = {\n", (int)entered, row->name);
}

int configuration_refuse(char fault[CONFIGURATION_FAULT_ROOM], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(fault, CONFIGURATION_FAULT_ROOM, format, arguments);
    va_end(arguments);
    /* One line, whatever a text holds that it quotes. */
    for (char *byte = fault; *byte != '\0'; byte++) {
        if ((unsigned char)*byte < 0x20)
            *byte = '?';
    }
    return -REASON_USAGE;
}

void configuration_init(struct configuration *configuration, const struct setting *table,
                        void *values)
{
    char fault[CONFIGURATION_FAULT_ROOM];
    size_t count = 1;

    while (table[count - 1].name != NULL)
        count++;
    *configuration = (struct configuration){
        .table = table, .values = values, .states = calloc(count, sizeof *configuration->states)};
    if (configuration->states == NULL)
        abort();
    for (const struct setting *row = table; row->name != NULL; row++) {
        if (row->default_text != NULL &&
            configuration_set(configuration, row, row->default_text, "default", fault) < 0)
            abort();
    }
}

void configuration_release(struct configuration *configuration)
{
    if (configuration->states == NULL)
        return;
    for (const struct setting *row = configuration->table; row->name != NULL; row++)
        forget_texts(configuration, row);
    free(configuration->states);
    configuration->states = NULL;
}

int configuration_set(struct configuration *configuration, const struct setting *row,
                      const char *text, const char *origin, char fault[CONFIGURATION_FAULT_ROOM])
{
    const struct setting_state *state = state_of(configuration, row);
    bool is_groups = row->kind == SETTING_GROUPS;
    size_t most = most_texts(row);
    struct configuration group;

    if (most > 1 && state->origin != NULL && strcmp(state->origin, origin) == 0 &&
        argz_count(state->texts, state->length) == most)
        return configuration_refuse(fault, "more than %zu are too many", most);
    int code = is_groups ? read_group(row, text, &group, fault)
                         : read_text(configuration, row, text, fault);
    if (code < 0)
        return code;
    keep_text(configuration, row, text, origin);
    if (is_groups)
        add_group(member(configuration, row), &group);
    return 0;
}

int configuration_complete(const struct configuration *configuration,
                           char fault[CONFIGURATION_FAULT_ROOM])
{
    for (const struct setting *row = configuration->table; row->name != NULL; row++) {
        if (!row->is_required || state_of(configuration, row)->texts != NULL)
            continue;
        if (row->option == NULL)
            return configuration_refuse(fault, "it needs %s", row->name);
        return configuration_refuse(fault,
                                    "no %s: it has no default; set it with --%s %s, or in "
                                    "the configuration file",
                                    row->name, row->option, row->value);
    }
    return 0;
}

const struct setting *configuration_find(const struct setting *table, const char *name)
{
    while (table->name != NULL && strcmp(table->name, name) != 0)
        table++;
    return table->name != NULL ? table : NULL;
}

bool configuration_is_equal(const struct configuration *left, const struct configuration *right,
                            const struct setting *row)
{
    const struct setting_state *a = state_of(left, row);
    const struct setting_state *b = state_of(right, row);

    return a->length == b->length && (a->length == 0 || memcmp(a->texts, b->texts, a->length) == 0);
}

bool configuration_is_default(const struct configuration *configuration, const struct setting *row)
{
    const struct setting_state *state = state_of(configuration, row);

    if (row->default_text == NULL || state->texts == NULL)
        return row->default_text == NULL && state->texts == NULL;
    return state->length == strlen(row->default_text) + 1 &&
           strcmp(state->texts, row->default_text) == 0;
}

void configuration_copy(struct configuration *configuration, const struct configuration *from,
                        const struct setting *row)
{
    char fault[CONFIGURATION_FAULT_ROOM];
    const struct setting_state *state = state_of(from, row);
    const char *text = NULL;

    forget_texts(configuration, row);
    while ((text = argz_next(state->texts, state->length, text)) != NULL)
        (void)configuration_set(configuration, row, text, state->origin, fault);
}

char *configuration_show(const struct configuration *configuration)
{
    char *text = NULL;
    size_t length = 0;
    const struct setting *before = NULL;
    FILE *file = open_memstream(&text, &length);

    if (file == NULL)
        return NULL;
    const struct setting *row = configuration->table;
    for (; row->name != NULL; before = row++) {
        print_border(file, before, row);
        print_row(file, row, state_of(configuration, row));
    }
    print_border(file, before, row);
    (void)fclose(file);
    return text;
}

char *configuration_show_one(const struct configuration *configuration, const struct setting *row)
{
    const struct setting_state *state = state_of(configuration, row);
    char *text = calloc(1, state->length + 1);

    if (text == NULL || state->length == 0)
        return text;
    memcpy(text, state->texts, state->length);
    argz_stringify(text, state->length, ' ');
    return text;
}

char *configuration_show_group(const struct configuration *group)
{
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);

    if (file == NULL)
        return NULL;
    for (const struct setting *row = group->table; row->name != NULL; row++) {
        const struct setting_state *state = state_of(group, row);
        if (state->texts == NULL)
            continue;
        (void)fprintf(file, "%s%s = ", ftell(file) > 0 ? " " : "", row->name);
        print_value(file, row, state);
        (void)fputc(';', file);
    }
    (void)fclose(file);
    return text;
}

const char *setting_kind_text(enum setting_kind kind)
{
    return kinds[kind].text;
}

char *setting_describe(const struct setting *row, const char *within)
{
    char *text = NULL;
    char words[256];
    char least[VALUE_UNIT_ROOM];
    char most[VALUE_UNIT_ROOM];
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);

    if (file == NULL)
        return NULL;
    (void)fprintf(file, "%s%s, %s", within, row->name, kinds[row->kind].word);
    if (row->words != NULL)
        (void)fprintf(file, " %s", join_words(row->words, words, sizeof words));
    if (row->most > 0)
        (void)fprintf(file, " from %s to %s", print_number(row, row->least, least),
                      print_number(row, row->most, most));
    if (row->default_text != NULL)
        (void)fprintf(file, "; default %s%s", row->default_text[0] == '\0' ? "none" : "",
                      row->default_text);
    else
        (void)fprintf(file, "; %s", row->is_required ? "required" : "not set");
    if (row->is_fixed)
        (void)fputs("; read at the start only", file);
    (void)fclose(file);
    return text;
}
