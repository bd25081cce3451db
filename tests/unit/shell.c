#include "cli/shell.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"

static void append(char *text, const char *more)
{
    (void)stpcpy(text + strlen(text), more);
}

/* A line, and its words with '|' between them; NULL for one that is refused. */
static void check_words(const char *bytes, const char *words, enum shell_quotes quotes)
{
    struct shell_line line;
    char joined[256] = "";
    int code = shell_split(&line, bytes, strlen(bytes));

    CHECK((code == 0) == (words != NULL));
    if (code == 0 && words != NULL) {
        for (size_t i = 0; i < line.count; i++) {
            append(joined, i > 0 ? "|" : "");
            append(joined, line.words[i]);
        }
        CHECK(strcmp(joined, words) == 0 && line.words[line.count] == NULL);
        CHECK(line.quotes == quotes);
    }
    shell_release(&line);
}

static void check_split(void)
{
    check_words("", "", SHELL_BARE);
    check_words("fsc", "fsc", SHELL_BARE);
    check_words(" fsc \t ls  ", "fsc|ls|", SHELL_BARE);
    check_words("fsc a\\ b\\\"c\\'d", "fsc|a b\"c'd", SHELL_BARE);
    check_words("fsc a\\", "fsc|a", SHELL_BARE);
    check_words("fsc \"a b", "fsc|a b", SHELL_DOUBLE);
    check_words("fsc \"a\\\"\\$\\`\\\\\\b'\"c", "fsc|a\"$`\\\\b'c", SHELL_BARE);
    check_words("fsc \"a\\", "fsc|a", SHELL_DOUBLE);
    check_words("fsc 'a \"\\$`", "fsc|a \"\\$`", SHELL_SINGLE);
    check_words("fsc 'a'\\''b' c", "fsc|a'b|c", SHELL_BARE);
    check_words("fsc '' \"\" x", "fsc|||x", SHELL_BARE);
    check_words("fsc $'a\\\\b\"c", "fsc|a\\b\"c", SHELL_ANSI);
    check_words("fsc $'a'b", "fsc|ab", SHELL_BARE);
    check_words("fsc a#b [x] {a,b} !x *", "fsc|a#b|[x]|{a,b}|!x|*", SHELL_BARE);
    check_words("fsc <a b >>c d 2>e f >&1 g2>h i", "fsc|b|d|f|g2|i", SHELL_BARE);
    check_words("fsc a>", "fsc|a|", SHELL_BARE);
    check_words("fsc \xC3\xA4\xE2\x82\xAC", "fsc|\xC3\xA4\xE2\x82\xAC", SHELL_BARE);
}

static void check_refused(void)
{
    static const char *const lines[] = {
        "fsc a;b",    "fsc a|b",  "fsc a&b",        "fsc (a",  "fsc a)",    "fsc a\nb",
        "fsc `a",     "fsc \"`a", "fsc $(a",        "fsc ${a", "fsc \"$(a", "fsc # a",
        "fsc $'a\\'", "fsc <(a",  "fsc \"${a}\" b", "fsc $[1",
    };

    for (size_t i = 0; i < COUNT(lines); i++)
        check_words(lines[i], NULL, SHELL_BARE);
}

/* What is known of the words: 'r' of the rest, 'l' of the last, and 't' for a target. */
static void check_known(const char *bytes, const char *known)
{
    struct shell_line line;
    char found[4] = "";

    CHECK(shell_split(&line, bytes, strlen(bytes)) == 0);
    append(found, line.rest_is_known ? "r" : "");
    append(found, line.last_is_known ? "l" : "");
    append(found, line.is_target ? "t" : "");
    CHECK(strcmp(found, known) == 0);
    shell_release(&line);
}

static void check_all_known(void)
{
    check_known("fsc a", "rl");
    check_known("fsc $a", "r");
    check_known("fsc a\"$b", "r");
    check_known("fsc $a b", "l");
    check_known("fsc '$a' \\$b \"\\$c\" d", "rl");
    check_known("fsc ~", "r");
    check_known("fsc ~/a b", "rl");
    check_known("fsc a~", "rl");
    check_known("fsc $'\\x41", "r");
    check_known("fsc $'\\x41' b", "l");
    check_known("fsc >", "rlt");
    check_known("fsc > a", "rlt");
    check_known("fsc >$a b", "rl");
}

/*
 * What bash reads when a text was put into a line behind open quotes, as readline does it: of two
 * opening quotes one goes, and one that closes is added unless there is one.
 */
static void check_back(const char *text, enum shell_quotes open, enum shell_quotes style,
                       size_t mark)
{
    static const char *const openings[] = {"", "\"", "'", "$'"};
    const char *opening = openings[open];
    const char *closing = open == SHELL_ANSI ? "'" : opening;
    char quote = closing[0];
    char *quoted = shell_quote(text, open, style, mark);
    char whole[256] = "x ";
    struct shell_line line;

    CHECK(quoted != NULL);
    append(whole, opening);
    if (quote != '\0' && quoted[0] == quote)
        whole[strlen(whole) - 1] = '\0';
    append(whole, quoted);
    if (quote != '\0' && whole[strlen(whole) - 1] != quote)
        append(whole, closing);
    CHECK(shell_split(&line, whole, strlen(whole)) == 0);
    CHECK(line.count == 2 && line.quotes == SHELL_BARE && strcmp(line.words[1], text) == 0);
    CHECK(line.last_is_known);
    shell_release(&line);
    free(quoted);
}

static void check_quote(void)
{
    static const char special[] = "a '\"$`\\!;&|<>()*?[]{}~#=:-^,%@+./";
    const size_t kinds = COUNT(special) - 1;

    for (enum shell_quotes open = SHELL_BARE; open <= SHELL_ANSI; open++) {
        for (enum shell_quotes style = SHELL_BARE; style <= (open == SHELL_BARE ? SHELL_ANSI : 0);
             style++) {
            for (size_t i = 0; i < kinds * kinds * kinds; i++) {
                const char text[] = {special[i % kinds], special[i / kinds % kinds],
                                     special[i / kinds / kinds], '\0'};
                check_back(text, open, style, SIZE_MAX);
                check_back(text, open, style, i % 3);
            }
            check_back("\xC3\xA4 \xE2\x82\xAC", open, style, SIZE_MAX);
        }
    }
}

static void check_backslash(void)
{
    for (const char *byte = " \t\n'\"$`\\!;&|<>()*?[]{}~#^"; *byte != '\0'; byte++)
        CHECK(shell_takes_backslash(SHELL_BARE, *byte));
    for (const char *byte = "\"$`\\"; *byte != '\0'; byte++)
        CHECK(shell_takes_backslash(SHELL_DOUBLE, *byte));
    CHECK(!shell_takes_backslash(SHELL_DOUBLE, '!') && !shell_takes_backslash(SHELL_SINGLE, '\''));
    CHECK(!shell_takes_backslash(SHELL_BARE, '\xC3') && shell_takes_backslash(SHELL_ANSI, '\\'));
}

int main(void)
{
    check_split();
    check_refused();
    check_all_known();
    check_quote();
    check_backslash();
    return 0;
}
