/*
 * Faults: what is wrong with an option or a setting, and where.
 */
#ifndef SETTINGS_FAULT_H
#define SETTINGS_FAULT_H

enum {
    FAULT_NAME_ROOM = 128,
    FAULT_TEXT_ROOM = 1024,
    FAULT_LINE_ROOM = 2048, /* bytes of a sentence that says what went wrong, with its NUL */
};

struct fault {
    const char *file;           /* the configuration file; NULL for none */
    unsigned line;              /* in that file; 0 for none */
    char name[FAULT_NAME_ROOM]; /* of the setting or option; empty for none */
    char text[FAULT_TEXT_ROOM]; /* what is wrong with it */
};

/* Sets the text. Returns -REASON_USAGE, for the caller to return. */
int fault_refuse(struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Writes "FILE:LINE: NAME: TEXT", without the parts that are not set, as one line, cleaned by
 * utf8_clean(). Returns `line`.
 */
const char *fault_print(const struct fault *fault, char line[FAULT_LINE_ROOM]);

#endif
