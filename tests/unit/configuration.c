#include "settings/configuration.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/reason.h"
#include "tests/unit/check.h"

struct values {
    const char *path;
    const char *text;
    struct setting_list list;
    int word;
    unsigned words;
    bool flag;
    int64_t count, duration, size, mode;
    struct setting_groups groups;
};

struct element {
    const char *name;
    unsigned words;
    int64_t count;
};

static const char *check_text(const char *text)
{
    return strcmp(text, "bad") == 0 ? "it is bad" : NULL;
}

static const char *const words[] = {"one", "two", "three", NULL};

static const char *check_element(const void *values)
{
    const struct element *element = values;

    return element->count == 7 && element->words == 0 ? "seven of nothing" : NULL;
}

static const struct setting members[] = {
    {.name = "name",
     .kind = SETTING_TEXT,
     .offset = offsetof(struct element, name),
     .is_required = true,
     .check = check_text},
    {.name = "words",
     .kind = SETTING_WORDS,
     .offset = offsetof(struct element, words),
     .words = words},
    {.name = "count",
     .kind = SETTING_COUNT,
     .offset = offsetof(struct element, count),
     .default_text = "5",
     .most = 10},
    {.name = NULL},
};

#define AT(member) offsetof(struct values, member)

static const struct setting table[] = {
    {.name = "path",
     .kind = SETTING_PATH,
     .offset = AT(path),
     .is_required = true,
     .option = "path",
     .value = "DIR"},
    {.name = "text", .kind = SETTING_TEXT, .offset = AT(text), .check = check_text},
    {.name = "list",
     .kind = SETTING_LIST,
     .offset = AT(list),
     .default_text = "a",
     .check = check_text,
     .is_fixed = true},
    {.name = "word",
     .kind = SETTING_WORD,
     .offset = AT(word),
     .default_text = "two",
     .words = words},
    {.name = "words",
     .kind = SETTING_WORDS,
     .offset = AT(words),
     .default_text = "",
     .words = words},
    {.name = "some.flag", .kind = SETTING_BOOL, .offset = AT(flag), .default_text = "true"},
    {.name = "some.count",
     .kind = SETTING_COUNT,
     .offset = AT(count),
     .default_text = "5",
     .least = 2,
     .most = 1000},
    {.name = "some.duration",
     .kind = SETTING_DURATION,
     .offset = AT(duration),
     .default_text = "90s",
     .least = 1,
     .most = 3600000},
    {.name = "size",
     .kind = SETTING_SIZE,
     .offset = AT(size),
     .default_text = "64M",
     .least = 1024,
     .most = INT64_MAX},
    {.name = "mode", .kind = SETTING_MODE, .offset = AT(mode), .default_text = "0640"},
    {.name = "groups",
     .kind = SETTING_GROUPS,
     .offset = AT(groups),
     .members = members,
     .size = sizeof(struct element),
     .check_group = check_element},
    {.name = NULL},
};

/* Reads a text; returns what is wrong with it, to be freed, or NULL. */
static char *take(const char *text, struct values *ret, struct configuration *configuration)
{
    struct fault fault;
    char line[FAULT_LINE_ROOM];

    *ret = (struct values){.path = NULL};
    configuration_init(configuration, table, ret);
    if (configuration_parse(configuration, text, "F", &fault) == 0)
        return NULL;
    return strdup(fault_print(&fault, line));
}

static void check_takes(const char *text, bool (*is_right)(const struct values *values))
{
    struct values values;
    struct configuration configuration;
    char *fault = take(text, &values, &configuration);

    CHECK(fault == NULL);
    CHECK(is_right(&values));
    /* What is shown can be read again, and then shows the same but for the origins. */
    char *shown = configuration_show(&configuration);
    configuration_release(&configuration);
    CHECK(take(shown, &values, &configuration) == NULL);
    CHECK(is_right(&values));
    configuration_release(&configuration);
    free(shown);
    free(fault);
}

static bool is_default(const struct values *values)
{
    return values->path == NULL && values->text == NULL && values->list.count == 1 &&
           strcmp(values->list.texts[0], "a") == 0 && values->word == 1 && values->words == 0 &&
           values->flag && values->count == 5 && values->duration == 90000 &&
           values->size == 64 << 20 && values->mode == 0640;
}

static bool is_other(const struct values *values)
{
    return strcmp(values->path, "/a \"b\" \\c") == 0 && strcmp(values->text, "t#{}") == 0 &&
           values->list.count == 3 && strcmp(values->list.texts[2], "z") == 0 &&
           values->word == 2 && values->words == 5 && !values->flag && values->count == 1000 &&
           values->duration == 3600000 && values->size == INT64_C(10) << 30 && values->mode == 0;
}

static bool has_groups(const struct values *values)
{
    const struct element *first =
        values->groups.count == 2 ? values->groups.groups[0].values : NULL;
    const struct element *second = first != NULL ? values->groups.groups[1].values : NULL;

    return first != NULL && strcmp(first->name, "a \"b\" }\n") == 0 && first->words == 3 &&
           first->count == 5 && strcmp(second->name, "") == 0 && second->words == 0 &&
           second->count == 9;
}

static void check_values(void)
{
    check_takes("", is_default);
    check_takes("# nothing\n// \"/*\n/* path = 7; */\nsome = { }; ", is_default);
    check_takes(
        "path = \"/a \\\"b\\\" \\\\c\"; text = \"t#\" \"{}\"; list = (\"x\", \"y\", \"z\");\n"
        "word = \"three\"; words = \" three  one \";\n"
        "some : { flag = false, count = 1000; duration = \"1h\"; }\n"
        "size = \"10G\"; mode = \"0000\"",
        is_other);
    check_takes("groups = ( { words = \"two one\", name = \"a \\\"b\\\" }\\n\" },\n"
                "{ name = \"\"; count = 9; } )",
                has_groups);
}

static void check_refusals(void)
{
    static const struct {
        const char *text;
        const char *fault; /* its beginning */
    } rows[] = {
        {"\npath = 7;", "F:2: path: must be an absolute path"},
        {"path = \"a\";", "F:1: path: \"a\" is not an absolute path"},
        {"text = \"bad\";", "F:1: text: bad: it is bad"},
        {"list = ();", "F:1: list: the list is empty"},
        {"list = [\"a\", \"bad\"];", "F:1: list: bad: it is bad"},
        {"list = (1);", "F:1: list: must be"},
        {"list = (\"\", \"\", \"\", \"\", \"\", \"\", \"\", \"\", \"\", \"\", \"\", \"\", \"\", "
         "\"\", \"\", \"\", \"\");",
         "F:1: list: there can be at most 16"},
        {"word = \"four\";", "F:1: word: \"four\" is not one of one, two, three"},
        {"words = \"one four\";", "F:1: words: \"four\" is not one of"},
        {"words = \"one,two\";",
         "F:1: words: \"one,two\" is not one of one, two, three (put spaces between them)"},
        {"count = 7;", "F:1: count: unknown setting; did you mean some.count?"},
        {"text = 'x';",
         "F:1: syntax error (a setting is name = value; with text in double quotes, "},
        {"some = 7;", "F:1: some: must be a group"},
        {"some = {\ncount = \"7\"; };", "F:2: some.count: must be a number"},
        {"some = { count = 1; };", "F:1: some.count: 1 is too small: it must be at least 2"},
        {"some = { count = -1; };", "F:1: some.count: -1 is too small"},
        {"some = { count = 1001; };",
         "F:1: some.count: 1001 is too large: it must be at most 1000"},
        {"some = { count = 1.5; };", "F:1: "},
        {"some = { count = 0x10; };", "F:1: a number must be decimal"},
        {"some = { count = 010; };", "F:1: a number must be decimal"},
        {"some = { count = 10737418240; };", "F:1: a number must be decimal"},
        {"some = { count = 10L; };", "F:1: a number must be decimal"},
        {"some = { duration = 5; };", "F:1: some.duration: must be a duration"},
        {"some = { duration = \"5\"; };", "F:1: some.duration: \"5\" is not a duration"},
        {"some = { duration = \"0s\"; };",
         "F:1: some.duration: 0s is too small: it must be at least 1ms"},
        {"some = { duration = \"61m\"; };",
         "F:1: some.duration: 61m is too large: it must be at most 1h"},
        {"some = { flag = 1; };", "F:1: some.flag: must be true or false"},
        {"some = { other = 1; };", "F:1: some.other: unknown setting"},
        {"some = { falg = true; };", "F:1: some.falg: unknown setting; did you mean some.flag?"},
        {"some = { some = { flag = true; }; };", "F:1: some.some: unknown setting"},
        {"size = \"1\";", "F:1: size: 1 is too small: it must be at least 1K"},
        {"size = \"9223372036854775807K\";", "F:1: size: "},
        {"mode = \"640\";", "F:1: mode: \"640\" is not a mode"},
        {"mode = \"0648\";", "F:1: mode: "},
        {"mode = \"06400\";", "F:1: mode: "},
        {"other = 7;", "F:1: other: unknown setting"},
        {"limits.flag = 1;", "F:1: "},
        {"path = \"/a\"; path = \"/b\";", "F:1: "},
        {"\n/* never closed\npath = \"/a\";", "F:2: this comment is not closed"},
        {"/*/ path = \"/a\";", "F:1: this comment is not closed"},
        {"path = \"/a\n", "F:"},
        {"path = \"/a\\x00b\";", "F:1: a string cannot hold \\x00"},
        {"@include \"x\"", "F:1: @include"},
        {"path = \"/a\"; @include \"x\"", "F:1: @include"},
        {"list = (\"a\", );", "F:1: no value follows this comma"},
        {"list = (\"a\", # b\n /* c */ );", "F:1: no value follows this comma"},
        {"= 1;", "F:1: "},
        {"\ngroups = ();", "F:2: groups: the list is empty"},
        {"groups = { };", "F:1: groups: must be a list of groups"},
        {"groups = \"name = \\\"a\\\";\";", "F:1: groups: must be a list of groups"},
        {"groups = (\n\"a\");", "F:2: groups[0]: must be a group, { ... }"},
        {"groups = ( ( { name = \"a\"; } ) );", "F:1: groups[0]: must be a group, { ... }"},
        {"groups = ( { name = \"a\"; },\n{ count = 1; } );", "F:2: groups[1]: name is missing"},
        {"groups = ( { name = \"a\"; },\n{\nname = 1; } );",
         "F:3: groups[1].name: must be a string"},
        {"groups = ( { name = \"bad\"; } );", "F:1: groups[0].name: bad: it is bad"},
        {"groups = ( { name = \"a\";\ncount = 11; } );", "F:2: groups[0].count: 11 is too large"},
        {"groups = ( { name = \"a\"; other = 1; } );", "F:1: groups[0].other: unknown setting"},
        {"groups = ( { name = \"a\"; name = { }; } );", "F:1: "},
        {"groups = ( { name = \"a\"; count = { }; } );", "F:1: groups[0].count: must be a number"},
        {"groups = ( {\nname = \"a\"; count = 7; } );", "F:1: groups[0]: seven of nothing"},
        {"groups = ( { name = \"a\"; }, );", "F:1: no value follows this comma"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct values values;
        struct configuration configuration;
        char *fault = take(rows[i].text, &values, &configuration);
        if (fault == NULL || strncmp(fault, rows[i].fault, strlen(rows[i].fault)) != 0)
            (void)fprintf(stderr, "%s: %s\n", rows[i].text, fault != NULL ? fault : "taken");
        CHECK(fault != NULL && strncmp(fault, rows[i].fault, strlen(rows[i].fault)) == 0);
        configuration_release(&configuration);
        free(fault);
    }
}

static void check_options(void)
{
    struct fault fault = {.file = NULL};
    struct values values = {.path = NULL};
    struct configuration configuration;
    const struct setting *list = configuration_find(table, "list");

    configuration_init(&configuration, table, &values);
    CHECK(configuration_complete(&configuration, &fault) == -REASON_USAGE);
    CHECK(strncmp(fault.text, "path is not set:", 16) == 0);
    CHECK(configuration_parse(&configuration, "list = \"f\"; path = \"/p\";", "F", &fault) == 0);
    CHECK(configuration_complete(&configuration, &fault) == 0);
    CHECK(configuration_set(&configuration, list, "x", "--list", &fault) == 0);
    CHECK(configuration_set(&configuration, list, "y", "--list", &fault) == 0);
    CHECK(configuration_set(&configuration, list, "bad", "--list", &fault) == -REASON_USAGE);
    CHECK(values.list.count == 2 && strcmp(values.list.texts[1], "y") == 0);
    char *one = configuration_show_one(&configuration, list);
    CHECK(strcmp(one, "x y") == 0);
    free(one);
    char *all = configuration_show(&configuration);
    CHECK(strstr(all, "path = \"/p\"; # F:1\n") == all);
    CHECK(strstr(all, "#text = not set\n") != NULL);
    CHECK(strstr(all, "list = [\"x\", \"y\"]; # --list\n") != NULL);
    CHECK(strstr(all, "some = {\n    flag = true; # default\n") != NULL);
    CHECK(strstr(all, "    duration = \"90s\"; # default\n};\nsize = ") != NULL);
    free(all);
    configuration_release(&configuration);
    CHECK(configuration_find(table, "some") == NULL);
}

/* As many groups as there may be, and one more. */
static void check_most_groups(void)
{
    char text[16 * (SETTING_GROUPS_MOST + 1)] = "groups = (";
    struct values values;
    struct configuration configuration;

    char *end = text + strlen(text);
    for (int i = 0; i < SETTING_GROUPS_MOST; i++)
        end += snprintf(end, 16, "%s{name=\"a\"}", i > 0 ? ",\n" : "");
    memcpy(end, ")", sizeof ")");
    CHECK(take(text, &values, &configuration) == NULL);
    CHECK(values.groups.count == SETTING_GROUPS_MOST);
    configuration_release(&configuration);
    memcpy(end, ",{name=\"a\"})", sizeof ",{name=\"a\"})");
    char *fault = take(text, &values, &configuration);
    CHECK(strcmp(fault, "F:256: groups[256]: there can be at most 256") == 0);
    free(fault);
    configuration_release(&configuration);
}

/* What is shown of groups, compared and copied. */
static void check_groups(void)
{
    struct values a;
    struct values b;
    struct configuration left;
    struct configuration right;
    const struct setting *row = configuration_find(table, "groups");

    CHECK(take("groups = ( { words = \"one\"; name = \"x\"; }, { name = \"y\"; } );", &a, &left) ==
          NULL);
    CHECK(take("groups = ( { name = \"x\"; count = 5, words = \"one\"; },\n{ name = \"z\"; } );",
               &b, &right) == NULL);
    CHECK(!configuration_is_equal(&left, &right, row));
    char *all = configuration_show(&left);
    CHECK(strstr(all, "\ngroups = (\n    { name = \"x\"; words = \"one\"; count = 5; }, # F:1\n"
                      "    { name = \"y\"; count = 5; } # F:1\n); # F:1\n") != NULL);
    free(all);
    configuration_copy(&right, &left, row);
    CHECK(configuration_is_equal(&left, &right, row));
    configuration_release(&left);
    CHECK(a.groups.count == 0 && b.groups.count == 2);
    CHECK(strcmp(((const struct element *)b.groups.groups[1].values)->name, "y") == 0);
    configuration_release(&right);
}

/* Several files: lists are joined, all else is set once. */
static void check_more(void)
{
    static const struct {
        const char *text;
        const char *fault; /* NULL: it is taken */
    } rows[] = {
        {"list = \"y\"; groups = ( { name = \"y\"; } ); text = \"t\";", NULL},
        {"list = [ \"z\" ];\ngroups = ( { name = \"z\"; } );\n", NULL},
        {"\ntext = \"t\";", "G:2: text: is set already, in G:1"},
        {"path = \"/p\";", "G:1: path: is set already, in F:1"},
        {"some = { count = 7; };", "G:1: some.count: is set already, in F:2"},
        {"groups = ( { name = \"bad\"; } );", "G:1: groups[0].name: bad: it is bad"},
    };
    struct values values;
    struct configuration configuration;
    char line[FAULT_LINE_ROOM];
    struct fault fault;

    CHECK(
        take("path = \"/p\"; list = \"x\"; groups = ( { name = \"x\"; } );\nsome = { count = 7; };",
             &values, &configuration) == NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        int code = configuration_parse_more(&configuration, rows[i].text, "G", &fault);
        CHECK((code == 0) == (rows[i].fault == NULL));
        CHECK(code == 0 || strcmp(fault_print(&fault, line), rows[i].fault) == 0);
    }
    CHECK(values.list.count == 3 && strcmp(values.list.texts[2], "z") == 0);
    CHECK(values.groups.count == 3 && strcmp(values.text, "t") == 0);
    const struct element *element = values.groups.groups[2].values;
    CHECK(strcmp(element->name, "z") == 0);
    char *all = configuration_show(&configuration);
    CHECK(strstr(all, "list = [\"x\", \"y\", \"z\"]; # F:1, G:1, G:1\n") != NULL);
    CHECK(strstr(all,
                 "{ name = \"x\"; count = 5; }, # F:1\n    { name = \"y\"; count = 5; }, # G:1\n"
                 "    { name = \"z\"; count = 5; } # G:2\n);") != NULL);
    free(all);
    configuration_release(&configuration);
}

static void check_equality(void)
{
    struct values a;
    struct values b;
    struct configuration left;
    struct configuration right;

    CHECK(take("list = \"x\"; word = \"one\";", &a, &left) == NULL);
    CHECK(take("list = (\"x\");\nword = \"two\";", &b, &right) == NULL);
    CHECK(configuration_is_equal(&left, &right, configuration_find(table, "list")));
    CHECK(configuration_is_equal(&left, &right, configuration_find(table, "path")));
    CHECK(!configuration_is_equal(&left, &right, configuration_find(table, "word")));
    configuration_release(&left);
    configuration_release(&right);
}

static void check_description(const char *name, const char *expected)
{
    char *text = setting_describe(configuration_find(table, name), "");

    CHECK(strcmp(text, expected) == 0);
    free(text);
}

int main(void)
{
    check_values();
    check_refusals();
    check_options();
    check_equality();
    check_groups();
    check_more();
    check_most_groups();
    check_description("path", "path, a path; required");
    check_description("text", "text, a string; not set");
    check_description("words", "words, any of one, two, three; default none");
    check_description("list",
                      "list, a string or a list of them; default a; read at the start only");
    check_description("some.count", "some.count, a number from 2 to 1000; default 5");
    check_description("some.duration", "some.duration, a duration from 1ms to 1h; default 90s");
    check_description("groups", "groups, a list of groups; not set");
    char *text = setting_describe(&members[0], "groups[].");
    CHECK(strcmp(text, "groups[].name, a string; required") == 0);
    free(text);
    return 0;
}
