/*
 * Configuration: the settings of a program, one table of them. They are read from files in the
 * syntax of libconfig, and may be set by options of the command line. What is in force for each of
 * them, and who said so, is kept.
 *
 * Functions that can refuse something return 0, or -REASON_USAGE with one sentence in `fault`.
 */
#ifndef PROTOCOL_CONFIGURATION_H
#define PROTOCOL_CONFIGURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONFIGURATION_FAULT_ROOM = 1024, /* bytes of a sentence that says what is wrong */
    SETTING_LIST_MOST = 16,          /* texts that a list may have */
    SETTING_GROUPS_MOST = 256,       /* groups that a list may have */
};

/* What a setting is, and what its member in the program's struct of settings is. */
enum setting_kind {
    SETTING_PATH,     /* an absolute path: const char *, NULL when it is not set */
    SETTING_TEXT,     /* what `judge` takes: const char *, NULL when it is not set */
    SETTING_LIST,     /* one text or a list of them, each as `judge` takes it: setting_list */
    SETTING_WORD,     /* one of `words`: int, its place among them */
    SETTING_WORDS,    /* any of `words`, with spaces between: unsigned, a bit for each place */
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

/* A row of the table. The row behind the last one has no name. */
struct setting {
    const char *name; /* "group.name" for one in a group; those of a group stand together */
    enum setting_kind kind;
    size_t offset;            /* of its member */
    const char *default_text; /* NULL for none */
    int64_t least, most;      /* of counts, durations (ms) and sizes (bytes) */
    const char *const *words; /* of words: closed by NULL */
    /* Of texts: returns NULL, or what is wrong with this one as the end of a sentence. */
    const char *(*judge)(const char *text);
    /* Of groups: their table, without points in its names, and the bytes of their struct. */
    const struct setting *members;
    size_t size;
    /* As `judge`, of a group whose settings are right one by one. */
    const char *(*judge_group)(const void *values);
    bool is_required;   /* there is no running without it */
    bool is_fixed;      /* it cannot change while the program runs */
    const char *option; /* the option of the command line that sets it; NULL for none */
    const char *value;  /* what help calls the value of that option */
    const char *help;   /* one line */
};

/* The state of one setting. */
struct setting_state {
    char *texts;   /* what is in force: texts as argz(3) keeps them; NULL: not set */
    size_t length; /* bytes of them */
    char *origin;  /* who said so: "default", "FILE:LINE", "--option" */
};

struct configuration {
    const struct setting *table;
    void *values; /* the program's struct of settings */
    struct setting_state *states;
};

/*
 * Sets every setting to its default. `values` must have been cleared; what it points to belongs to
 * the configuration. Ends the program by abort(3) when there is no memory, or when the table has a
 * default that it does not take itself. configuration_release() frees all.
 */
void configuration_init(struct configuration *configuration, const struct setting *table,
                        void *values);
void configuration_release(struct configuration *configuration);

/*
 * Reads a whole configuration file, a regular one of less than 64 KiB. Returns its text, to be
 * freed; "" for one that does not exist, when it is `optional`; or NULL with one sentence in
 * `fault`. It never waits, as for a FIFO.
 */
char *configuration_load(const char *path, bool optional, char fault[CONFIGURATION_FAULT_ROOM]);

/*
 * Takes all settings of a text that was read from the file `path`. The fault names file and line.
 * libconfig may end the process while it reads what is no configuration at all: a program that has
 * to go on should try the text in a child first.
 */
int configuration_take_text(struct configuration *configuration, const char *text, const char *path,
                            char fault[CONFIGURATION_FAULT_ROOM]);

/* Both of these. */
int configuration_take_file(struct configuration *configuration, const char *path, bool optional,
                            char fault[CONFIGURATION_FAULT_ROOM]);

/*
 * Sets one setting to a text, said by `origin`. Texts of a list are added to those which came from
 * the same origin, and take the place of all others; those of a list of groups are what
 * configuration_show_group() makes. `row` is one of the table's. The fault does not name the
 * setting: the caller knows best what the user called it.
 */
int configuration_set(struct configuration *configuration, const struct setting *row,
                      const char *text, const char *origin, char fault[CONFIGURATION_FAULT_ROOM]);

/* Writes a fault. Returns -REASON_USAGE. */
int configuration_refuse(char fault[CONFIGURATION_FAULT_ROOM], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Is all there that is required? */
int configuration_complete(const struct configuration *configuration,
                           char fault[CONFIGURATION_FAULT_ROOM]);

/* The row of a name; NULL when there is none. */
const struct setting *configuration_find(const struct setting *table, const char *name);

/* Do two configurations of one table say the same of a row? */
bool configuration_is_equal(const struct configuration *left, const struct configuration *right,
                            const struct setting *row);

/* Is a row what the table has for it by default? */
bool configuration_is_default(const struct configuration *configuration, const struct setting *row);

/*
 * Lets a row be what it is in another configuration of the same table, none of whose texts are
 * shared.
 */
void configuration_copy(struct configuration *configuration, const struct configuration *from,
                        const struct setting *row);

/*
 * What is in force, as a configuration file with a comment behind each setting that tells its
 * origin. The text is to be freed; NULL when there is no memory.
 */
char *configuration_show(const struct configuration *configuration);

/* What is in force for one row, as text with spaces between those of a list; the same. */
char *configuration_show_one(const struct configuration *configuration, const struct setting *row);

/* What is set in a group, "name = value; name = value;"; the same. */
char *configuration_show_group(const struct configuration *group);

/* What a setting has to be, as the end of the sentence "it must be ..."; never NULL. */
const char *setting_kind_text(enum setting_kind kind);

/*
 * What the table says of a row, as the manual has it: "NAME, KIND; DEFAULT", "; read at the start
 * only" for one that is fixed. `within` stands before the name: "NAME[]." in a list of groups. The
 * text is to be freed; NULL when there is no memory.
 */
char *setting_describe(const struct setting *row, const char *within);

#endif
