/*
 * Candidates: what the word at the cursor of a line of bash may become, printed for its completion.
 */
#ifndef CLI_CANDIDATES_H
#define CLI_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/shell.h"

enum {
    CANDIDATES_MOST = 1000,
    CANDIDATES_BYTES = 64 * 1024, /* what bash takes in within the second */
};

/* Begins as {0} but for the word and its quotes. */
struct candidates {
    const char *word;         /* what was typed of it, without its quotes */
    size_t kept;              /* bytes of it that stay where they are */
    enum shell_quotes quotes; /* that are open behind these */
    enum shell_quotes style;  /* with which the rest of the word begins */
    bool is_operand;          /* it is one, and "--" does not stand before it */
    bool only_plain;          /* whatever would have to be quoted is not offered */
    bool is_unfinished;       /* something is to follow at once, and no space */
    char *texts[CANDIDATES_MOST];
    size_t count;
    size_t bytes; /* of all of them */
};

/*
 * Takes a text for a candidate if it begins with the word, else drops it. Of too many only the last
 * one is kept besides the first ones.
 */
void candidates_add(struct candidates *candidates, const char *text);

/*
 * Prints a line for bash, "nospace" or "space", and behind it the candidates, so that bash reads
 * back exactly what was added, whatever it is. Frees them.
 */
void candidates_print(struct candidates *candidates);

#endif
