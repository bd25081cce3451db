#include "settings/option_parser.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings/spelling.h"

enum {
    FIRST_LONG = 256, /* getopt's value of the first row; a letter is its own value */
    NO_ROW = OPTIONS_MOST,
};

static bool is_accepted(uint64_t accepted, size_t option)
{
    return (accepted & OPTION_BIT(option)) != 0;
}

/* The first accepted option with this letter, else any other; NO_ROW when there is none. */
static size_t find_letter(const struct option_row *rows, uint64_t accepted, int letter)
{
    size_t found = NO_ROW;

    for (size_t i = 0; rows[i].name != NULL; i++) {
        if (rows[i].letter == '\0' || rows[i].letter != letter)
            continue;
        if (is_accepted(accepted, i))
            return i;
        found = i;
    }
    return found;
}

/*
 * Refuses an unknown option, with what was most likely meant: what other programs call so, the same
 * letter in the other case, or a name that is spelled nearly like it.
 */
static int refuse_unknown(const struct option_parser *parser, const char *spelled, bool is_long,
                          struct fault *fault)
{
    struct spelling spelling;
    int swapped = spelled[1] ^ ('a' ^ 'A');
    const char *nearest = NULL;
    const struct option_row *habit = NULL;

    spelling_begin(&spelling, spelled + 2, is_long ? strcspn(spelled + 2, "=") : 0);
    for (size_t i = 0; parser->rows[i].name != NULL; i++) {
        const struct option_row *row = &parser->rows[i];
        if (!is_accepted(parser->accepted, i))
            continue;
        if (habit == NULL && spelling_is_habit(row->habits, spelled, strcspn(spelled, "=")))
            habit = row;
        if (is_long)
            spelling_try(&spelling, row->name);
        else if (row->letter != '\0' && row->letter == swapped)
            nearest = &row->letter;
    }
    if (habit != NULL && (is_long || habit->letter == '\0'))
        return fault_refuse(fault, "unknown option %s; did you mean --%s?", spelled, habit->name);
    if (habit != NULL)
        nearest = &habit->letter;
    if (is_long)
        nearest = spelling_nearest(&spelling);
    if (nearest == NULL)
        return fault_refuse(fault, "unknown option %s", spelled);
    return fault_refuse(fault, "unknown option %s; did you mean %s%.*s?", spelled,
                        is_long ? "--" : "-", is_long ? (int)strlen(nearest) : 1, nearest);
}

/*
 * Calls getopt_long(3) once, and returns its result. The option is optopt if that is '?', for one
 * that is unknown or takes no value but got one, or ':', for one that lacks its value.
 */
static int next_of_getopt(const struct option_parser *parser, int *ret_option)
{
    struct option table[OPTIONS_MOST + 1] = {{NULL, 0, NULL, 0}};
    /* "-": operands are returned in their places; ":": a missing value has a result of its own. */
    char letters[2 * OPTIONS_MOST + 3] = "-:";
    size_t letter_count = strlen(letters);

    for (int i = 0; parser->rows[i].name != NULL; i++) {
        const struct option_row *row = &parser->rows[i];
        table[i] = (struct option){.name = row->name,
                                   .has_arg = row->value == NULL       ? no_argument
                                              : row->value_is_optional ? optional_argument
                                                                       : required_argument,
                                   .val = FIRST_LONG + i};
        if (row->letter != '\0')
            letters[letter_count++] = row->letter;
        if (row->letter != '\0' && row->value != NULL)
            letters[letter_count++] = ':';
    }
    int result = getopt_long(parser->argc, parser->argv, letters, table, NULL);
    *ret_option = result == '?' || result == ':' ? optopt : result;
    return result;
}

void option_parser_begin(struct option_parser *parser, const struct option_row *rows,
                         uint64_t accepted, int argc, char **argv)
{
    *parser = (struct option_parser){
        .rows = rows, .argc = argc, .argv = argv, .accepted = accepted, .text = NULL};
    opterr = 0;
    optind = 0; /* glibc: forget everything of another argv */
}

int option_parser_next(struct option_parser *parser, struct fault *fault)
{
    static char no_value[] = "";
    int option = 0;
    char *argument = parser->argv[optind > 0 ? optind : 1];

    parser->is_awaiting = false;
    if (parser->only_operands) {
        parser->text = argument;
        optind += argument != NULL;
        return argument != NULL ? OPTION_PARSER_OPERAND : OPTION_PARSER_END;
    }
    int result = next_of_getopt(parser, &option);
    if (result == -1) {
        parser->only_operands = argument != NULL;
        return argument != NULL ? option_parser_next(parser, fault) : OPTION_PARSER_END;
    }
    parser->text = optarg;
    if (result == 1)
        return OPTION_PARSER_OPERAND;

    /* optopt is 0 for a name that is unknown or the beginning of several. */
    bool is_long = option == 0 || option >= FIRST_LONG;
    const char letter[] = {'-', (char)option, '\0'};
    size_t place = !is_long      ? find_letter(parser->rows, parser->accepted, option)
                   : option == 0 ? NO_ROW
                                 : (size_t)option - FIRST_LONG;
    const struct option_row *row = place != NO_ROW ? &parser->rows[place] : NULL;
    /* getopt_long(3) takes the beginning of a name for the name. */
    bool is_known = row != NULL && (!is_long || strlen(row->name) == strcspn(argument + 2, "="));
    const char *spelled = is_long ? argument : letter;
    if (!is_known || (!is_accepted(parser->accepted, place) && parser->misplaced == NULL))
        return refuse_unknown(parser, spelled, is_long, fault);
    if (!is_accepted(parser->accepted, place))
        return fault_refuse(fault, "%s %s", spelled, parser->misplaced);
    parser->option = place;
    parser->is_awaiting = result == ':';
    if (result == ':')
        return fault_refuse(fault, "--%s needs a value: %s", row->name, row->value);
    if (result == '?')
        return fault_refuse(fault, "--%s takes no value", row->name);
    if (row->value_is_optional && optarg != NULL && optarg[0] == '\0')
        return fault_refuse(fault, "--%s= needs a value: %s", row->name, row->value);
    if (optarg == NULL)
        parser->text = no_value;
    return OPTION_PARSER_OPTION;
}

bool option_has_letter(const struct option_row *rows, uint64_t accepted, size_t option)
{
    return rows[option].letter != '\0' &&
           find_letter(rows, accepted, rows[option].letter) == option;
}

char *option_help(const struct option_row *rows, uint64_t accepted)
{
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);

    if (file == NULL)
        return NULL;
    for (size_t i = 0; rows[i].name != NULL; i++) {
        const struct option_row *row = &rows[i];
        const char letter[] = {'-', row->letter, ',', '\0'};
        char head[64];
        if (!is_accepted(accepted, i))
            continue;
        (void)snprintf(head, sizeof head, "%3s --%s%s%s%s",
                       option_has_letter(rows, accepted, i) ? letter : "", row->name,
                       row->value == NULL       ? ""
                       : row->value_is_optional ? "[="
                                                : " ",
                       row->value != NULL ? row->value : "", row->value_is_optional ? "]" : "");
        (void)fprintf(file, "  %-25s  %s\n", head, row->help);
    }
    (void)fclose(file);
    return text;
}
