/*
 * Configurations: the settings of a program, declared in one table. They are read from files in the
 * syntax of libconfig, and may be set by options of the command line. A configuration keeps what is
 * in force for each of them, and where that came from.
 *
 * Functions that can refuse something return 0, or -REASON_USAGE with a fault.
 */
#ifndef SETTINGS_CONFIGURATION_H
#define SETTINGS_CONFIGURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "settings/fault.h"

enum {
    SETTING_LIST_MOST = 16,    /* texts of a list */
    SETTING_GROUPS_MOST = 256, /* groups of a list, if its row does not say */
};

/* What a setting is, and what its member in the program's struct of settings is. */
enum setting_kind {
    SETTING_PATH,     /* an absolute path, or one of `words`: const char *, NULL: not set */
    SETTING_TEXT,     /* what `check` accepts: const char *, NULL when it is not set */
    SETTING_LIST,     /* one such text or a list of them: setting_list */
    SETTING_WORD,     /* one of `words`: int, its place among them */
    SETTING_WORDS,    /* any of `words`, separated by spaces: unsigned, a bit for each place */
    SETTING_BOOL,     /* true or false: bool */
    SETTING_COUNT,    /* a number: int64_t */
    SETTING_DURATION, /* e.g. "30s": int64_t, milliseconds */
    SETTING_SIZE,     /* e.g. "10G": int64_t, bytes */
    SETTING_MODE,     /* e.g. "0640": int64_t */
    SETTING_GROUPS,   /* a list of groups, in each the settings of `members`: setting_groups */
};

struct setting_list {
    size_t count;
    const char *texts[SETTING_LIST_MOST];
};

/* Each group is a configuration of its own, whose `values` are a struct of the row's `size`. */
struct setting_groups {
    size_t count;
    struct configuration *groups;
};

/* A row of the table; the row after the last one has no name. */
struct setting {
    const char *name; /* "group.name" for one in a group; those of a group are next to each other */
    enum setting_kind kind;
    size_t offset;            /* of its member */
    const char *default_text; /* NULL for none */
    int64_t least, most;      /* of counts, durations (ms) and sizes (bytes); how many groups */
    const char *const *words; /* of words, and beside paths; ends with NULL */
    /* Of texts: returns NULL, or what is wrong with this one as the end of a sentence. */
    const char *(*check)(const char *text);
    /* Of groups: their table, whose names have no points, and the bytes of their struct. */
    const struct setting *members;
    size_t size;
    /* Of groups: as `check`, for a group whose settings are valid one by one. */
    const char *(*check_group)(const void *values);
    bool is_required;   /* the program cannot run without it */
    bool is_fixed;      /* it cannot change while the program runs */
    bool is_joined;     /* groups of a later file are added to those of files before it */
    bool is_followed;   /* it names files that are read, too: what is shown has all of them */
    const char *option; /* the option of the command line that sets it; NULL for none */
    const char *value;  /* what help calls the value of that option */
    const char *help;   /* one line */
};

/* The state of one setting. */
struct setting_state {
    char *texts;   /* what is in force, as argz(3) keeps texts; NULL for groups */
    size_t length; /* bytes of them */
    char *origin;  /* where it came from: "default", "FILE:LINE", "--option"; NULL: not set */
};

struct configuration {
    const struct setting *table;
    void *values; /* the program's struct of settings */
    struct setting_state *states;
};

/*
 * Sets every setting to its default. `values` must have been cleared; what it points to belongs to
 * the configuration. Ends the program by abort(3) when there is no memory, or when the table has a
 * default that it does not accept itself. configuration_release() frees all.
 */
void configuration_init(struct configuration *configuration, const struct setting *table,
                        void *values);
void configuration_release(struct configuration *configuration);

/*
 * Loads a configuration file, a regular one of less than 64 KiB. `advice` is NULL for one that the
 * user has named. For any other it says what to do if it is refused: because it, or a folder on its
 * path, belongs neither to root nor to this user, or others can write to it. Such a file need not
 * exist. Returns its text, to be freed, "" for one that does not exist; or NULL with a fault. It
 * never waits, even if the path is a FIFO.
 */
char *configuration_load(const char *path, const char *advice, struct fault *fault);

/*
 * Sets everything that a text sets, which was loaded from the file `path`. The fault names file and
 * line. libconfig may end the process when the text is not a configuration at all: a program that
 * has to survive that should try the text in a child first.
 */
int configuration_parse(struct configuration *configuration, const char *text, const char *path,
                        struct fault *fault);

/*
 * The same for the text of one more file: its lists are added to those of the files before, and any
 * other setting is refused that one of them has set.
 */
int configuration_parse_more(struct configuration *configuration, const char *text,
                             const char *path, struct fault *fault);

/*
 * Sets one setting, which is not a list of groups, to a text. A text of a list is added to those of
 * the same origin, and replaces all others.
 */
int configuration_set(struct configuration *configuration, const struct setting *row,
                      const char *text, const char *origin, struct fault *fault);

/*
 * A list of groups: begins a group, whose settings are then set, and adds it to those of the same
 * origin, or frees it when it is refused.
 */
void configuration_begin_group(struct configuration *group, const struct setting *row);
int configuration_add_group(struct configuration *configuration, const struct setting *row,
                            struct configuration *group, const char *origin, struct fault *fault);
void configuration_release_group(struct configuration *group);

/* Is everything set that is required? */
int configuration_complete(const struct configuration *configuration, struct fault *fault);

/* The row of a name; NULL when there is none. */
const struct setting *configuration_find(const struct setting *table, const char *name);

/* Where what is in force for a row came from, as in struct setting_state. */
const char *configuration_origin(const struct configuration *configuration,
                                 const struct setting *row);

/* Adds one more origin to that of a row, which has one. */
void configuration_add_origin(const struct configuration *configuration, const struct setting *row,
                              const char *origin);

/* Does a row have the same value in two configurations of one table? */
bool configuration_is_equal(const struct configuration *left, const struct configuration *right,
                            const struct setting *row);

/* Does a row have its default? */
bool configuration_is_default(const struct configuration *configuration, const struct setting *row);

/* Sets a row to what it is in another configuration of the same table, with texts of its own. */
void configuration_copy(struct configuration *configuration, const struct configuration *from,
                        const struct setting *row);

/*
 * What is in force, as a configuration file with the origin of each setting in a comment. The text
 * is to be freed; NULL when there is no memory.
 */
char *configuration_show(const struct configuration *configuration);

/* What is in force for one row, as text with spaces between those of a list; the same. */
char *configuration_show_one(const struct configuration *configuration, const struct setting *row);

/* What a setting has to be, as the end of the sentence "it must be ..."; never NULL. */
const char *setting_kind_text(enum setting_kind kind);

/*
 * A row as the manual has it: "NAME, KIND; DEFAULT", and "; read at the start only" for one that is
 * fixed. `within` goes before the name: "NAME[]." in a list of groups. The text is to be freed; NULL
 * when there is no memory.
 */
char *setting_describe(const struct setting *row, const char *within);

#endif
