/*
 * The log: lines in logfmt, key=value, on stderr or by syslog(3).
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_CRITICAL, /* what was acknowledged may be in danger: somebody must act */
    LOG_LEVEL_ERROR,    /* something failed that should not */
    LOG_LEVEL_WARNING,  /* something that somebody should look at */
    LOG_LEVEL_INFO,     /* what a daemon does: its start and end, what it stores */
    LOG_LEVEL_DEBUG,    /* every session and request */
};

/* The words of the levels, closed by NULL. */
extern const char *const log_level_words[];

/* From now on lines go to syslog, and not to stderr. */
void log_to_syslog(void);

/*
 * Is stderr systemd's journal, as JOURNAL_STREAM in the environment tells (systemd.exec(5))? Then
 * the level goes before each line, as sd-daemon(3) has it.
 */
void log_look_for_journal(void);

/* Lines of a higher level are dropped from now on; the default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

/*
 * In a process that was forked, after it has closed descriptors that may have been syslog's: makes
 * sure that it has one of its own.
 */
void log_after_fork(void);

/*
 * Writes one line: what happened, then pairs of a key and a value, closed by NULL. Values may come
 * from anywhere: they are quoted and escaped where that is needed.
 */
void log_event(enum log_level level, const char *what, ...) __attribute__((sentinel));

#endif
