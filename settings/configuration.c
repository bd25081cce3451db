#include "settings/configuration.h"

#include <argz.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/value.h"
#include "settings/quantity.h"

/* What a value of each kind has to be, in a word and in full. */
static const struct {
    const char *word;
    const char *text;
} kinds[] = {
    [SETTING_PATH] = {"a path", "an absolute path in quotes"},
    [SETTING_TEXT] = {"a string", "a string in quotes"},
    [SETTING_LIST] = {"a string or a list of them", "a string in quotes, or a list of them"},
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

/* Names of words, as a list in a sentence: "a, b, c". */
static const char *join_words(const char *const *words, char *text, size_t room)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; words[i] != NULL && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%s", i > 0 ? ", " : "", words[i]);
    return text;
}

/* Finds the place of a word among those of the row. */
static int read_word(const struct setting *row, const char *word, size_t length, int *ret,
                     struct fault *fault)
{
    char known[256];

    for (int i = 0; row->words[i] != NULL; i++) {
        if (strlen(row->words[i]) == length && memcmp(row->words[i], word, length) == 0) {
            *ret = i;
            return 0;
        }
    }
    return fault_refuse(fault, "\"%.*s\" is not one of %s%s", length < 64 ? (int)length : 64, word,
                        join_words(row->words, known, sizeof known),
                        row->kind == SETTING_PATH           ? ", or an absolute path"
                        : memchr(word, ',', length) != NULL ? " (put spaces between them)"
                                                            : "");
}

/* A bound as the user would write it. */
static const char *print_number(const struct setting *row, int64_t number, char text[QUANTITY_ROOM])
{
    if (row->kind == SETTING_DURATION)
        return quantity_print_duration(number, text);
    if (row->kind == SETTING_SIZE)
        return quantity_print_size(number, text);
    (void)snprintf(text, QUANTITY_ROOM, "%lld", (long long)number);
    return text;
}

static int read_number(const struct setting *row, const char *text, int64_t *ret,
                       struct fault *fault)
{
    int64_t number = 0;
    char bound[QUANTITY_ROOM];
    bool is_negative = row->kind == SETTING_COUNT && text[0] == '-';
    const char *digits = text + is_negative;
    bool is_valid = row->kind == SETTING_DURATION ? quantity_duration(text, &number)
                    : row->kind == SETTING_SIZE   ? quantity_size(text, &number)
                    : row->kind == SETTING_MODE   ? quantity_mode(text, &number)
                                                  : value_number(digits, strlen(digits), &number);

    if (!is_valid)
        return fault_refuse(fault, "\"%.64s\" is not %s", text, kinds[row->kind].text);
    if (row->kind != SETTING_MODE && (is_negative || number < row->least))
        return fault_refuse(fault, "%s is too small: it must be at least %s", text,
                            print_number(row, row->least, bound));
    if (row->kind != SETTING_MODE && number > row->most)
        return fault_refuse(fault, "%s is too large: it must be at most %s", text,
                            print_number(row, row->most, bound));
    *ret = number;
    return 0;
}

/* Checks a text, and sets the member unless it is one that holds texts. */
static int read_text(const struct setting *row, const char *text, void *value, struct fault *fault)
{
    const char *wrong = NULL;
    unsigned bits = 0;
    int word = 0;

    switch (row->kind) {
    case SETTING_PATH:
        if (text[0] == '/')
            return 0;
        return row->words != NULL ? read_word(row, text, strlen(text), &word, fault)
                                  : fault_refuse(fault, "\"%.500s\" is not an absolute path", text);
    case SETTING_TEXT:
    case SETTING_LIST:
        wrong = row->check(text);
        return wrong != NULL
                   ? fault_refuse(fault, "%.500s%s%s", text, text[0] != '\0' ? ": " : "", wrong)
                   : 0;
    case SETTING_WORD:
        return read_word(row, text, strlen(text), value, fault);
    case SETTING_WORDS:
        for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
            size_t length = strcspn(text, " ");
            int place = 0;
            int code = read_word(row, text, length, &place, fault);
            if (code < 0)
                return code;
            bits |= 1U << place;
            text += length;
        }
        *(unsigned *)value = bits;
        return 0;
    case SETTING_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return fault_refuse(fault, "\"%.64s\" is not true or false", text);
        *(bool *)value = strcmp(text, "true") == 0;
        return 0;
    default:
        return read_number(row, text, value, fault);
    }
}

/* Does a text from this origin add to what there is? Otherwise it replaces it. */
static bool is_added(const struct setting *row, const struct setting_state *state,
                     const char *origin)
{
    return (row->kind == SETTING_LIST || row->kind == SETTING_GROUPS) && state->origin != NULL &&
           strcmp(state->origin, origin) == 0;
}

/* Removes a setting's texts and origin. */
static void unset(const struct configuration *configuration, const struct setting *row)
{
    struct setting_state *state = state_of(configuration, row);
    void *value = member(configuration, row);

    free(state->texts);
    free(state->origin);
    *state = (struct setting_state){.texts = NULL};
    if (row->kind == SETTING_PATH || row->kind == SETTING_TEXT) {
        *(const char **)value = NULL;
    } else if (row->kind == SETTING_LIST) {
        *(struct setting_list *)value = (struct setting_list){.count = 0};
    } else if (row->kind == SETTING_GROUPS) {
        struct setting_groups *list = value;
        while (list->count > 0)
            configuration_release_group(&list->groups[--list->count]);
        free(list->groups);
        list->groups = NULL;
    }
}

/* Prepares the setting for what comes from this origin. */
static void set_origin(const struct configuration *configuration, const struct setting *row,
                       const char *origin)
{
    struct setting_state *state = state_of(configuration, row);

    if (is_added(row, state, origin))
        return;
    unset(configuration, row);
    state->origin = strdup(origin);
    if (state->origin == NULL)
        abort();
}

static void print_texts(FILE *file, const struct setting *row, const struct setting_state *state)
{
    const char *text = NULL;
    const char *quote = row->kind == SETTING_BOOL || row->kind == SETTING_COUNT ? "" : "\"";
    bool is_list = argz_count(state->texts, state->length) > 1;

    (void)fputs(is_list ? "[" : "", file);
    while ((text = argz_next(state->texts, state->length, text)) != NULL) {
        (void)fprintf(file, "%s%s", text != state->texts ? ", " : "", quote);
        for (const char *next = text; *next != '\0'; next++) {
            unsigned char byte = (unsigned char)*next;
            if (byte < 0x20 || byte == 0x7F)
                (void)fprintf(file, "\\x%02X", byte);
            else
                (void)fprintf(file, byte == '"' || byte == '\\' ? "\\%c" : "%c", byte);
        }
        (void)fputs(quote, file);
    }
    (void)fputs(is_list ? "]" : "", file);
}

static void print_origin(FILE *file, const char *origin)
{
    /* The name of a file must not end the comment. */
    (void)fputs(" # ", file);
    for (const char *byte = origin; *byte != '\0'; byte++)
        (void)fputc((unsigned char)*byte < 0x20 ? '?' : *byte, file);
}

/*
 * "( { name = value; name = value; } )". Several are on lines of their own, each with the origin of its
 * first setting, since they may come from several files.
 */
static void print_groups(FILE *file, const struct setting_groups *list)
{
    bool is_long = list->count > 1;

    (void)fputs(is_long ? "(\n" : "( ", file);
    for (size_t i = 0; i < list->count; i++) {
        const struct configuration *group = &list->groups[i];
        const char *origin = NULL;
        (void)fputs(is_long ? "    { " : "{ ", file);
        for (const struct setting *row = group->table; row->name != NULL; row++) {
            const struct setting_state *state = state_of(group, row);
            if (state->origin == NULL)
                continue;
            (void)fprintf(file, "%s = ", row->name);
            print_texts(file, row, state);
            (void)fputs("; ", file);
            if (origin == NULL && !configuration_is_default(group, row))
                origin = state->origin;
        }
        (void)fputs(i + 1 < list->count ? "}," : "}", file);
        if (is_long && origin != NULL)
            print_origin(file, origin);
        (void)fputs(is_long ? "\n" : " ", file);
    }
    (void)fputs(")", file);
}

void configuration_init(struct configuration *configuration, const struct setting *table,
                        void *values)
{
    struct fault fault;
    size_t count = 1;

    while (table[count - 1].name != NULL)
        count++;
    *configuration = (struct configuration){
        .table = table, .values = values, .states = calloc(count, sizeof *configuration->states)};
    if (configuration->states == NULL)
        abort();
    for (const struct setting *row = table; row->name != NULL; row++) {
        if (row->default_text != NULL &&
            configuration_set(configuration, row, row->default_text, "default", &fault) < 0)
            abort();
    }
}

void configuration_release(struct configuration *configuration)
{
    if (configuration->states == NULL)
        return;
    for (const struct setting *row = configuration->table; row->name != NULL; row++)
        unset(configuration, row);
    free(configuration->states);
    configuration->states = NULL;
}

int configuration_set(struct configuration *configuration, const struct setting *row,
                      const char *text, const char *origin, struct fault *fault)
{
    struct setting_state *state = state_of(configuration, row);
    void *value = member(configuration, row);

    if (is_added(row, state, origin) && ((struct setting_list *)value)->count == SETTING_LIST_MOST)
        return fault_refuse(fault, "there can be at most %d", SETTING_LIST_MOST);
    int code = read_text(row, text, value, fault);
    if (code < 0)
        return code;
    set_origin(configuration, row, origin);
    if (argz_add(&state->texts, &state->length, text) != 0)
        abort();
    if (row->kind == SETTING_PATH || row->kind == SETTING_TEXT)
        *(const char **)value = state->texts;
    if (row->kind == SETTING_LIST) {
        /* argz_add() may have moved the others. */
        struct setting_list *list = value;
        const char *kept = NULL;
        list->count = 0;
        while ((kept = argz_next(state->texts, state->length, kept)) != NULL)
            list->texts[list->count++] = kept;
    }
    return 0;
}

void configuration_begin_group(struct configuration *group, const struct setting *row)
{
    void *values = calloc(1, row->size);

    if (values == NULL)
        abort();
    configuration_init(group, row->members, values);
}

void configuration_release_group(struct configuration *group)
{
    configuration_release(group);
    free(group->values);
}

int configuration_add_group(struct configuration *configuration, const struct setting *row,
                            struct configuration *group, const char *origin, struct fault *fault)
{
    struct setting_groups *list = member(configuration, row);
    size_t most = row->most > 0 ? (size_t)row->most : SETTING_GROUPS_MOST;
    int code = configuration_complete(group, fault);
    const char *wrong = code == 0 ? row->check_group(group->values) : NULL;

    if (wrong != NULL)
        code = fault_refuse(fault, "%s", wrong);
    else if (code == 0 && is_added(row, state_of(configuration, row), origin) &&
             list->count == most)
        code = fault_refuse(fault, "there can be at most %zu", most);
    if (code < 0) {
        configuration_release_group(group);
        return code;
    }
    set_origin(configuration, row, origin);
    list->groups = reallocarray(list->groups, list->count + 1, sizeof *list->groups);
    if (list->groups == NULL)
        abort();
    list->groups[list->count++] = *group;
    return 0;
}

int configuration_complete(const struct configuration *configuration, struct fault *fault)
{
    for (const struct setting *row = configuration->table; row->name != NULL; row++) {
        if (!row->is_required || state_of(configuration, row)->origin != NULL)
            continue;
        if (row->option == NULL)
            return fault_refuse(fault, "%s is missing", row->name);
        return fault_refuse(fault,
                            "%s is not set: use --%s %s, or set it in the configuration file",
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

const char *configuration_origin(const struct configuration *configuration,
                                 const struct setting *row)
{
    return state_of(configuration, row)->origin;
}

void configuration_add_origin(const struct configuration *configuration, const struct setting *row,
                              const char *origin)
{
    struct setting_state *state = state_of(configuration, row);
    char *both = NULL;

    if (asprintf(&both, "%s, %s", state->origin, origin) < 0)
        abort();
    free(state->origin);
    state->origin = both;
}

bool configuration_is_equal(const struct configuration *left, const struct configuration *right,
                            const struct setting *row)
{
    const struct setting_state *a = state_of(left, row);
    const struct setting_state *b = state_of(right, row);

    if (row->kind == SETTING_GROUPS) {
        const struct setting_groups *ours = member(left, row);
        const struct setting_groups *theirs = member(right, row);
        bool is_equal = ours->count == theirs->count;
        for (size_t i = 0; is_equal && i < ours->count; i++) {
            for (const struct setting *each = row->members; is_equal && each->name != NULL; each++)
                is_equal = configuration_is_equal(&ours->groups[i], &theirs->groups[i], each);
        }
        return is_equal;
    }
    return a->length == b->length && (a->length == 0 || memcmp(a->texts, b->texts, a->length) == 0);
}

bool configuration_is_default(const struct configuration *configuration, const struct setting *row)
{
    const struct setting_state *state = state_of(configuration, row);

    if (row->default_text == NULL || state->texts == NULL)
        return row->default_text == NULL && state->origin == NULL;
    return state->length == strlen(row->default_text) + 1 &&
           strcmp(state->texts, row->default_text) == 0;
}

void configuration_copy(struct configuration *configuration, const struct configuration *from,
                        const struct setting *row)
{
    struct fault fault;
    struct configuration group;
    const struct setting_state *state = state_of(from, row);
    const char *text = NULL;

    unset(configuration, row);
    while ((text = argz_next(state->texts, state->length, text)) != NULL)
        (void)configuration_set(configuration, row, text, state->origin, &fault);
    if (row->kind != SETTING_GROUPS)
        return;
    const struct setting_groups *list = member(from, row);
    for (size_t i = 0; i < list->count; i++) {
        configuration_begin_group(&group, row);
        for (const struct setting *each = row->members; each->name != NULL; each++)
            configuration_copy(&group, &list->groups[i], each);
        (void)configuration_add_group(configuration, row, &group, state->origin, &fault);
    }
}

char *configuration_show(const struct configuration *configuration)
{
    char *text = NULL;
    size_t size = 0;
    const char *group = ""; /* the name of the row before, and how much of it is its group */
    size_t group_length = 0;
    FILE *file = open_memstream(&text, &size);

    if (file == NULL)
        return NULL;
    for (const struct setting *row = configuration->table; row->name != NULL; row++) {
        const struct setting_state *state = state_of(configuration, row);
        const char *point = strchr(row->name, '.');
        size_t length = point != NULL ? (size_t)(point - row->name) : 0;

        if (length != group_length || memcmp(row->name, group, length) != 0) {
            (void)fputs(group_length > 0 ? "};\n" : "", file);
            if (length > 0)
                (void)fprintf(file, "%.*s = {\n", (int)length, row->name);
        }
        group = row->name;
        group_length = length;

        (void)fprintf(file, "%s%s%s = ", length > 0 ? "    " : "",
                      state->origin == NULL || row->is_followed ? "#" : "",
                      point != NULL ? point + 1 : row->name);
        if (state->origin == NULL) {
            (void)fputs("not set\n", file);
            continue;
        }
        if (row->kind == SETTING_GROUPS)
            print_groups(file, member(configuration, row));
        else
            print_texts(file, row, state);
        (void)fputc(';', file);
        print_origin(file, state->origin);
        (void)fputc('\n', file);
    }
    (void)fputs(group_length > 0 ? "};\n" : "", file);
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

const char *setting_kind_text(enum setting_kind kind)
{
    return kinds[kind].text;
}

char *setting_describe(const struct setting *row, const char *within)
{
    char *text = NULL;
    char words[256];
    char least[QUANTITY_ROOM];
    char most[QUANTITY_ROOM];
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);

    if (file == NULL)
        return NULL;
    (void)fprintf(file, "%s%s, %s", within, row->name, kinds[row->kind].word);
    if (row->words != NULL)
        (void)fprintf(file, "%s %s", row->kind == SETTING_PATH ? " or one of" : "",
                      join_words(row->words, words, sizeof words));
    if (row->most > 0 && row->kind != SETTING_GROUPS)
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
