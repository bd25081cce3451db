/*
 * Spelling: finds the word that somebody most likely meant, who misspelled it or used the word that
 * another program has for it.
 */
#ifndef SETTINGS_SPELLING_H
#define SETTINGS_SPELLING_H

#include <stdbool.h>
#include <stddef.h>

/* A search for the nearest word. Its texts belong to the caller. */
struct spelling {
    const char *word; /* as it was written, of `length` bytes */
    size_t length;
    const char *nearest; /* so far; NULL: none is near enough */
    size_t distance;     /* of the nearest */
    bool is_tied;        /* another one is as near */
};

void spelling_begin(struct spelling *spelling, const char *word, size_t length);

/* Is this the word? */
void spelling_try(struct spelling *spelling, const char *candidate);

/*
 * Returns the word that was most likely meant: the only one at the smallest distance, if that is 1
 * or 2. Each letter that is missing, added, replaced, or swapped with the next one counts 1; the
 * beginning of a word, of 3 letters or more, counts 2. NULL if there is none.
 */
const char *spelling_nearest(const struct spelling *spelling);

/* Is this one of the words, which have spaces between them? Not for NULL. */
bool spelling_is_habit(const char *words, const char *word, size_t length);

#endif
