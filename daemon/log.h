/*
 * The log: lines of key=value pairs (logfmt), to stderr or syslog(3).
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_CRITICAL, /* acknowledged files may be at risk: somebody must act */
    LOG_LEVEL_ERROR,    /* something failed that should not fail */
    LOG_LEVEL_WARNING,  /* somebody should look at this */
    LOG_LEVEL_INFO,     /* start, end, stored and deleted files */
    LOG_LEVEL_DEBUG,    /* every session and request */
};

/* The words for the levels, in order, then NULL. */
extern const char *const log_level_words[];

/* Sends all further lines to syslog instead of stderr. */
void log_to_syslog(void);

/*
 * Checks whether stderr is systemd's journal (JOURNAL_STREAM, systemd.exec(5)). If so, each line is
 * preceded by its level in the form of sd-daemon(3).
 */
void log_look_for_journal(void);

/* Drops lines that are less severe than `level`. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

/*
 * Connects to syslog again in a forked process that has closed descriptors it inherited, which may
 * include the one to syslog.
 */
void log_after_fork(void);

/*
 * Writes one line: what happened, then pairs of a key and a value, then NULL. Values may come from
 * anybody: they are quoted, cleaned and cut as needed.
 */
void log_event(enum log_level level, const char *what, ...) __attribute__((sentinel));

#endif
