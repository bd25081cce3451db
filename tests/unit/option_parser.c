#include "settings/option_parser.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/reason.h"
#include "tests/unit/check.h"

static const struct option_row rows[] = {
    {"all", .letter = 'a', .help = "x", .habits = "--every -e"},
    {"also", .letter = 'h', .help = "x"},
    {"name", .value = "NAME", .help = "x", .habits = "-n --title"},
    {"time", .value = "TIME", .value_is_optional = true, .help = "x"},
    {"help", .letter = 'h', .help = "x"},
    {"output", .letter = 'o', .value = "FILE", .help = "x"},
    {.name = NULL},
};

enum {
    ALSO = 1,
    HELP = 4,
};

/* Parses words; writes each as "option=text" or "text", then the fault, with spaces between. */
static void parse(const char *words, uint64_t accepted, char *result, size_t room)
{
    char text[256];
    char name[] = "program";
    char *argv[16] = {name};
    int argc = 1;
    struct fault fault = {.file = NULL};
    struct option_parser parser;
    int found = 0;

    (void)snprintf(text, sizeof text, "%s", words);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    result[0] = '\0';
    option_parser_begin(&parser, rows, accepted, argc, argv);
    while ((found = option_parser_next(&parser, &fault)) > OPTION_PARSER_END) {
        size_t used = strlen(result);
        bool is_option = found == OPTION_PARSER_OPTION;
        (void)snprintf(result + used, room - used, "%s%s%s ",
                       is_option ? rows[parser.option].name : "", is_option ? "=" : "",
                       parser.text);
    }
    size_t used = strlen(result);
    (void)snprintf(result + used, room - used, "%s%s", found < 0 ? fault.text : ".",
                   parser.is_awaiting ? " awaiting" : "");
    CHECK(found == 0 || found == -REASON_USAGE);
    CHECK(parser.is_awaiting == (found < 0 && strstr(fault.text, "needs a value") != NULL &&
                                 strstr(fault.text, "= needs") == NULL));
}

int main(void)
{
    static const struct {
        const char *words;
        const char *result;
    } table[] = {
        {"", "."},
        {"a --all b", "a all= b ."},
        {"-a -ah - x", "all= all= also= - x ."},
        {"--name n --name=m --name=", "name=n name=m name= ."},
        {"--name --all", "name=--all ."},
        {"--name", "--name needs a value: NAME awaiting"},
        {"--time x --time=5m", "time= x time=5m ."},
        {"-o f -of -ao f -o -a", "output=f output=f all= output=f output=-a ."},
        {"-o", "--output needs a value: FILE awaiting"},
        {"--time=", "--time= needs a value: TIME"},
        {"a -- --all -- -x", "a --all -- -x ."},
        {"--", "."},
        {"--all=1", "--all takes no value"},
        {"x --al", "x unknown option --al; did you mean --all?"},
        {"--nam n", "unknown option --nam; did you mean --name?"},
        {"--nam", "unknown option --nam; did you mean --name?"},
        {"--tim=5m", "unknown option --tim=5m; did you mean --time?"},
        {"--alls", "unknown option --alls; did you mean --all?"},
        {"---", "unknown option ---"},
        {"--=", "unknown option --="},
        {"--other", "unknown option --other"},
        {"-ax", "all= unknown option -x"},
        {"-xA", "unknown option -x"},
        {"--every", "unknown option --every; did you mean --all?"},
        {"-e", "unknown option -e; did you mean -a?"},
        {"--title=x", "unknown option --title=x; did you mean --name?"},
        {"-n x", "unknown option -n; did you mean --name?"},
        {"--titl", "unknown option --titl; did you mean --time?"},
        {"-A", "unknown option -A; did you mean -a?"},
        {"-a=", "all= unknown option -="},
        {"-?", "unknown option -?"},
        {"-:", "unknown option -:"},
    };
    char result[512];

    for (size_t i = 0; i < COUNT(table); i++) {
        parse(table[i].words, OPTIONS_ALL, result, sizeof result);
        if (strcmp(result, table[i].result) != 0)
            (void)fprintf(stderr, "%s: %s\n", table[i].words, result);
        CHECK(strcmp(result, table[i].result) == 0);
    }
    /* Of options that are not accepted. */
    parse("-h --also", ~OPTION_BIT(ALSO), result, sizeof result);
    CHECK(strcmp(result, "help= unknown option --also; did you mean --all?") == 0);
    CHECK(option_has_letter(rows, OPTIONS_ALL, ALSO) &&
          !option_has_letter(rows, OPTIONS_ALL, HELP));
    CHECK(option_has_letter(rows, ~OPTION_BIT(ALSO), HELP));
    char *help = option_help(rows, ~OPTION_BIT(0));
    CHECK(strstr(help, "  -h, --also ") == help);
    CHECK(strstr(help, "\n      --time[=TIME] ") != NULL &&
          strstr(help, "\n      --help ") != NULL);
    free(help);
    return 0;
}
