/*
 * Candidates: what the word at the cursor of a bash command line may become, in the form in which
 * readline(3) inserts it.
 */
#ifndef CLI_CANDIDATES_H
#define CLI_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/shell.h"

enum {
    CANDIDATES_MOST = 1000,
    CANDIDATES_BYTES = 64 * 1024, /* bash reads these well within the second */
};

struct candidates {
    const char *word;         /* at the cursor, without its quotes */
    size_t kept;              /* bytes of it that readline leaves in the line */
    enum shell_quotes quotes; /* that are open after these */
    enum shell_quotes style;  /* with which the rest of the word begins */
    bool is_operand;          /* of fsc, and there is no "--" before it */
    bool only_plain;          /* drop what would need quotes */
    bool is_unfinished;       /* the user types on: readline adds no space */
    char *texts[CANDIDATES_MOST];
    size_t count;
    size_t bytes; /* of all texts */
};

/*
 * Begins with a split line of `bytes`. Where no quote is open, `text` is the part of the last word
 * that readline will replace; it may begin after a ":" or "=" within the word. Returns -1 if it is
 * not the end of the line, or without memory. The strings must live as long as `candidates`.
 */
int candidates_begin(struct candidates *candidates, const struct shell_line *line,
                     const char *bytes, const char *text);

/*
 * Keeps a copy of a text if it begins with the word. Of too many, the first ones and the last one
 * are kept.
 */
void candidates_add(struct candidates *candidates, const char *text);

/*
 * Prints "nospace" or "space", then a line for each candidate, quoted so that bash reads exactly
 * the text that was added. Frees the candidates.
 */
void candidates_print(struct candidates *candidates);

#endif
