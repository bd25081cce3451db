#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "protocol/value.h"

#define TIME_LONGEST_MS (INT64_C(36500) * 24 * 3600 * 1000)

const struct option_row option_rows[OPTION_COUNT] = {
    [OPTION_SERVER] = {"server", '\0', VALUE_ADDRESS,
                       "where the library is served (or FSC_SERVER)"},
    [OPTION_MAX_TIME] = {"max-time", '\0', VALUE_TIME,
                         "wait no longer for the server in all, e.g. 30s"},
    [OPTION_CONFIG] = {"config", '\0', VALUE_FILE, "read settings from this file only"},
    [OPTION_HELP] = {"help", '\0', VALUE_NONE, "print help"},
    [OPTION_VERSION] = {"version", '\0', VALUE_NONE, "print the version"},
    [OPTION_NAME] = {"name", '\0', VALUE_NEW_NAME, "store the one FILE under this name"},
    [OPTION_FOLDER] = {"folder", '\0', VALUE_FOLDER, "store the files in this folder"},
    [OPTION_OUTPUT] = {"output", '\0', VALUE_FILE, "write to this file; - is standard output"},
    [OPTION_INTO] = {"into", '\0', VALUE_DIR, "write files into this folder"},
    [OPTION_FORCE] = {"force", '\0', VALUE_NONE, "replace a local file that has other bytes"},
    [OPTION_LONG] = {"long", 'l', VALUE_NONE, "size and time of each file"},
    [OPTION_RECURSIVE] = {"recursive", 'R', VALUE_NONE, "all files below a folder"},
    [OPTION_UNSORTED] = {"unsorted", 'U', VALUE_NONE,
                         "in the order in which the server finds them"},
    [OPTION_MATCH] = {"match", '\0', VALUE_PATTERN, "only files that match, e.g. '*.gz'"},
    [OPTION_HUMAN] = {"human", 'h', VALUE_NONE, "with -l: sizes as 1.5K or 20M"},
    [OPTION_NEWEST] = {"newest", 't', VALUE_NONE, "the newest first"},
    [OPTION_LARGEST] = {"largest", 'S', VALUE_NONE, "the largest first"},
    [OPTION_REVERSE] = {"reverse", 'r', VALUE_NONE, "in the reverse order"},
    [OPTION_SUMS] = {"sums", '\0', VALUE_NONE, "lines for sha256sum -c, files only"},
    [OPTION_FAIL_EMPTY] = {"fail-empty", '\0', VALUE_NONE,
                           "exit with 5 when there is nothing to list"},
    [OPTION_JSON] = {"json", '\0', VALUE_NONE, "print JSON, one object a line"},
    [OPTION_NULL] = {"null", '0', VALUE_NONE, "NUL and not a newline ends each name"},
    [OPTION_FILES_FROM] = {"files-from", '\0', VALUE_FILE, "a list of operands, one a line; or -"},
    [OPTION_EXISTING] = {"existing", '\0', VALUE_NONE, "first those that are there"},
    [OPTION_NUMBER] = {"count", '\0', VALUE_COUNT, "end after so many files"},
    [OPTION_RETRY] = {"retry", '\0', VALUE_COUNT, "so many more attempts after 10, 11 or 12"},
    [OPTION_SHA256] = {"sha256", '\0', VALUE_SUM, "take no other content: 64 hex digits"},
    [OPTION_REPLACE] = {"replace", '\0', VALUE_DIGEST,
                        "take the name over, maybe only from this content"},
    [OPTION_MISSING_OK] = {"missing-ok", '\0', VALUE_NONE,
                           "a name that is not there is no failure"},
    [OPTION_OLDER_THAN] = {"older-than", '\0', VALUE_TIME,
                           "with --match: only files stored before that time, e.g. 30d"},
    [OPTION_DRY_RUN] = {"dry-run", '\0', VALUE_NONE,
                        "with --match: print the names, and delete nothing"},
    [OPTION_WAIT] = {"wait", '\0', VALUE_TIME, "wait for a file to come, for so long at most"},
    [OPTION_EXCLUSIVE] = {"exclusive", '\0', VALUE_NONE,
                          "exit with 3 for a taken name, whatever has it"},
    [OPTION_IF_SAME] = {"if-same", '\0', VALUE_NONE,
                        "read a stream also for a taken name, to compare it"},
};

/* Those whose value may be left out: it stands behind "=" only. */
static const uint64_t without_value = OPTION_BIT(OPTION_REPLACE) | OPTION_BIT(OPTION_WAIT);

/* What help calls a value. */
static const char *const value_words[] = {
    [VALUE_ADDRESS] = "ADDRESS", [VALUE_TIME] = "TIME",     [VALUE_FILE] = "FILE",
    [VALUE_DIR] = "DIR",         [VALUE_NEW_NAME] = "NAME", [VALUE_FOLDER] = "FOLDER",
    [VALUE_PATTERN] = "PATTERN", [VALUE_COUNT] = "N",       [VALUE_SUM] = "HEX",
    [VALUE_DIGEST] = "DIGEST",
};

/* Arguments on their way into struct options. */
struct parse {
    struct options *options;
    char **next;
    uint64_t accepted; /* bits of the options that may stand here */
};

static bool is_optional(enum option option)
{
    return (without_value & OPTION_BIT(option)) != 0;
}

static const char *subject(const struct parse *parse)
{
    return parse->options->command;
}

static int set(struct parse *parse, enum option option, const char *value)
{
    if (parse->options->values[option] != NULL && option_rows[option].value != VALUE_NONE)
        return complain(REASON_USAGE, subject(parse), "--%s is given twice",
                        option_rows[option].name);
    parse->options->values[option] = value;
    return 0;
}

static enum option find_letter(char letter)
{
    enum option option = 0;

    while (option < OPTION_COUNT && option_rows[option].letter != letter)
        option++;
    return option;
}

static bool is_accepted(const struct parse *parse, enum option option)
{
    return option < OPTION_COUNT && (parse->accepted & OPTION_BIT(option)) != 0;
}

/* An option that may not stand here: is there none, or is it at the wrong place? */
static int refuse(const struct parse *parse, const char *argument, enum option option)
{
    if (option < OPTION_COUNT && parse->options->command == NULL)
        return complain(REASON_USAGE, NULL, "%s must stand behind the command", argument);
    return complain(REASON_USAGE, subject(parse), "there is no option %s", argument);
}

/* An option that has no "=value" behind it takes the next argument, if it has to. */
static int take_next(struct parse *parse, enum option option)
{
    const struct option_row *row = &option_rows[option];

    if (row->value == VALUE_NONE || is_optional(option))
        return set(parse, option, "");
    if (*parse->next != NULL)
        return set(parse, option, *parse->next++);
    parse->options->awaiting = option;
    return complain(REASON_USAGE, subject(parse), "--%s needs a value: %s", row->name,
                    value_words[row->value]);
}

/* --name, --name value, --name=value */
static int take_long(struct parse *parse, const char *argument)
{
    const char *name = argument + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    enum option option = options_find(name, length);

    if (!is_accepted(parse, option))
        return refuse(parse, argument, option);
    const struct option_row *row = &option_rows[option];
    if (value == NULL)
        return take_next(parse, option);
    if (row->value == VALUE_NONE)
        return complain(REASON_USAGE, subject(parse), "--%s takes no value", row->name);
    /* An empty one would be none. */
    if (is_optional(option) && value[0] == '\0')
        return complain(REASON_USAGE, subject(parse), "--%s= needs a value: %s", row->name,
                        value_words[row->value]);
    return set(parse, option, value);
}

/* -l, or several of them: -lR. No letter takes a value. */
static int take_letters(struct parse *parse, const char *argument)
{
    for (const char *letter = argument + 1; *letter != '\0'; letter++) {
        const char one[] = {'-', *letter, '\0'};
        enum option option = find_letter(*letter);
        if (!is_accepted(parse, option))
            return refuse(parse, one, option);
        parse->options->values[option] = "";
    }
    return 0;
}

enum option options_find(const char *name, size_t length)
{
    enum option option = 0;

    while (option < OPTION_COUNT && (strlen(option_rows[option].name) != length ||
                                     memcmp(option_rows[option].name, name, length) != 0))
        option++;
    return option;
}

int options_parse(struct options *options, int argc, char **argv, options_of_command *accepted)
{
    struct parse parse = {.options = options, .next = argv + 1, .accepted = OPTIONS_GLOBAL};
    int code = 0;

    *options = (struct options){.awaiting = OPTION_COUNT};
    options->operands = calloc((size_t)argc + 1, sizeof *options->operands);
    if (options->operands == NULL)
        return complain_errno(REASON_USAGE, NULL, "no memory");
    while (code == 0 && *parse.next != NULL) {
        char *argument = *parse.next++;
        bool is_option = argument[0] == '-' && argument[1] != '\0' && !options->only_operands;
        if (is_option && strcmp(argument, "--") == 0)
            options->only_operands = true;
        else if (is_option)
            code =
                argument[1] == '-' ? take_long(&parse, argument) : take_letters(&parse, argument);
        else if (options->command != NULL)
            options->operands[options->operand_count++] = argument;
        else {
            options->command = argument;
            parse.accepted |= accepted(argument);
        }
    }
    return code;
}

bool options_have(const struct options *options, enum option option)
{
    return options->values[option] != NULL;
}

int options_exclude(const struct options *options, enum option one, enum option other)
{
    if (!options_have(options, one) || !options_have(options, other))
        return 0;
    return complain(REASON_USAGE, options->command, "--%s and --%s exclude each other",
                    option_rows[one].name, option_rows[other].name);
}

int options_digest(const struct options *options, enum option option, char ret_digest[DIGEST_ROOM])
{
    const char *hex = options->values[option];

    ret_digest[0] = '\0';
    if (hex == NULL || digest_of_hex(hex, ret_digest))
        return 0;
    return complain(REASON_USAGE, options->command, "--%s: it must be 64 hexadecimal digits",
                    option_rows[option].name);
}

int options_time(const struct options *options, enum option option, int64_t *ret_ms)
{
    const char *text = options->values[option];
    size_t length = text != NULL ? strlen(text) : 0;
    bool is_bare = length > 0 && strspn(text, "0123456789") == length;
    int64_t number = 0;

    if (text == NULL || (length == 0 && is_optional(option)))
        return 0;
    if (!(is_bare ? value_number(text, length, &number) : value_duration(text, length, &number)) ||
        number > TIME_LONGEST_MS / (is_bare ? 1000 : 1))
        return complain(REASON_USAGE, NULL,
                        "--%s: it must be a number of seconds, or a duration such as \"90s\" or "
                        "\"2h\"; 36500d at most",
                        option_rows[option].name);
    *ret_ms = is_bare ? number * 1000 : number;
    return 0;
}

void options_print(uint64_t bits)
{
    for (enum option option = 0; option < OPTION_COUNT; option++) {
        char head[64];
        const struct option_row *row = &option_rows[option];
        if ((bits & OPTION_BIT(option)) == 0)
            continue;
        bool has_value = row->value != VALUE_NONE;
        (void)snprintf(head, sizeof head, "%c%c%s--%s%s%s%s", row->letter != '\0' ? '-' : ' ',
                       row->letter != '\0' ? row->letter : ' ', row->letter != '\0' ? ", " : "  ",
                       row->name,
                       is_optional(option) ? "[="
                       : has_value         ? " "
                                           : "",
                       has_value ? value_words[row->value] : "", is_optional(option) ? "]" : "");
        (void)output_print("  %-24s %s\n", head, row->help);
    }
}
