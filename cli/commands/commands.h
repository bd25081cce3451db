/*
 * The commands: one table, and a file for each.
 */
#ifndef COMMANDS_COMMANDS_H
#define COMMANDS_COMMANDS_H

#include "cli/commands/invocation.h"

enum {
    EXAMPLES_MOST = 6,
};

struct command {
    const char *word;
    const char *operands; /* as in the synopsis; "" for none */
    enum value operand;   /* what each is */
    size_t least, most;   /* how many operands it takes; none if `most` is 0 */
    uint64_t options;     /* bits, without OPTIONS_GLOBAL */
    const char *summary;
    const char *examples[EXAMPLES_MOST + 1]; /* the first one is that of the list of commands */
    bool is_local;                           /* it reads no settings, or reads them itself */
    bool is_hidden;                          /* it is for bash, not for people */
    /*
     * Returns 0 or the negative of the reason that gives the exit code. If its line is not printed
     * yet, it is in invocation->failure.
     */
    int (*run)(struct invocation *invocation);
};

/* The table; the row after the last one has no word. */
extern const struct command commands[];

/* The row of a word; NULL for one that is not a command. */
const struct command *command_find(const char *word);

/* The options of a word's command, as bits; every option for a word that is not a command. */
uint64_t command_options(const char *word);

int complete_run(struct invocation *invocation);
int config_run(struct invocation *invocation);
int get_run(struct invocation *invocation);
int help_run(struct invocation *invocation);
int identity_run(struct invocation *invocation);
int ls_run(struct invocation *invocation);
int put_run(struct invocation *invocation);
int rm_run(struct invocation *invocation);
int stat_run(struct invocation *invocation);
int status_run(struct invocation *invocation);
int trust_run(struct invocation *invocation);
int watch_run(struct invocation *invocation);

/* What help explains besides commands; the row after the last one has no word. */
struct help_topic {
    const char *word;
    void (*print)(void);
};

extern const struct help_topic help_topics[];

/* Prints the list of commands with an example each, or all about one command. */
void help_print_list(void);
void help_print_command(const struct command *command);

/* Refuses a word that is not a command or, if it may be one, a topic. Returns -REASON_USAGE. */
int help_refuse_word(const char *word, bool may_be_topic, struct failure *failure);

#endif
