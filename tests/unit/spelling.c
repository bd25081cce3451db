#include "settings/spelling.h"

#include <string.h>

#include "tests/unit/check.h"

/* The word of the list that is meant; "-" for none. */
static const char *find(const char *word, const char *const *list)
{
    struct spelling spelling;

    spelling_begin(&spelling, word, strlen(word));
    for (; *list != NULL; list++)
        spelling_try(&spelling, *list);
    const char *nearest = spelling_nearest(&spelling);
    return nearest != NULL ? nearest : "-";
}

int main(void)
{
    static const char *const commands[] = {"ls",    "get",    "put",    "rm",   "stat",
                                           "watch", "status", "config", "help", NULL};
    static const char *const options[] = {"folder",    "force", "replace",    "retry",
                                          "recursive", "human", "fail-empty", "match",
                                          "max-time",  NULL};
    static const struct {
        const char *word;
        const char *const *list;
        const char *meant;
    } table[] = {
        {"lss", commands, "ls"},
        {"sl", commands, "ls"},
        {"l", commands, "ls"},
        {"lx", commands, "ls"},
        {"xy", commands, "-"},
        {"list", commands, "ls"},
        {"gte", commands, "get"},
        {"got", commands, "get"},
        {"pt", commands, "put"},
        {"stats", commands, "-"}, /* stat and status are as near */
        {"statsu", commands, "status"},
        {"state", commands, "stat"},
        {"cat", commands, "-"}, /* get, put and stat are as near */
        {"cp", commands, "-"},
        {"delete", commands, "-"},
        {"", commands, "-"},
        {"conf", commands, "config"},
        {"replce", options, "replace"},
        {"repalce", options, "replace"},
        {"repl", options, "replace"},
        {"re", options, "-"},
        {"rec", options, "recursive"},
        {"foldre", options, "folder"},
        {"forces", options, "force"},
        {"human-readable", options, "human"},
        {"fail_empty", options, "fail-empty"},
        {"fo", options, "-"},
        {"maxtime", options, "max-time"},
        {"delete", options, "-"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", options, "-"},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        if (strcmp(find(table[i].word, table[i].list), table[i].meant) != 0)
            check_fail(table[i].word, (int)i, find(table[i].word, table[i].list));
    }
    return 0;
}
