/*
 * The log: lines in logfmt, key=value, on stderr or by syslog(3).
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_ERROR,   /* something failed that should not */
    LOG_LEVEL_WARNING, /* something that somebody should look at */
    LOG_LEVEL_INFO,    /* what a daemon does */
};

/* Where lines go from now on: to stderr (the default), or to syslog. */
void log_to_syslog(void);

/*
 * Writes one line: what happened, then pairs of a key and a value, closed by NULL. Values may come
 * from anywhere: they are quoted and escaped where that is needed.
 */
void log_event(enum log_level level, const char *what, ...) __attribute__((sentinel));

#endif
