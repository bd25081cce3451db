/*
 * The log: lines of key=value pairs (logfmt), to stderr, syslog or a file.
 *
 * Nobody waits for the log for more than a moment: a line that cannot be written is dropped. The
 * counters say how many were, and so does the next line that can be written.
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/counters.h"

enum {
    LOG_NUMBER_ROOM = 24, /* bytes of a number as text, with its NUL */
};

enum log_level {
    LOG_LEVEL_CRITICAL, /* acknowledged files may be at risk: somebody must act */
    LOG_LEVEL_ERROR,    /* something failed that should not fail */
    LOG_LEVEL_WARNING,  /* somebody should look at this */
    LOG_LEVEL_INFO,     /* start, end, stored and deleted files */
    LOG_LEVEL_DEBUG,    /* every session and request */
};

/*
 * Opens the log: `to` is as the setting log.to. If stderr is systemd's journal (JOURNAL_STREAM,
 * systemd.exec(5)), each line begins with its level in the form of sd-daemon(3). Returns 0, or -1
 * with errno for a file that cannot be opened.
 */
int log_open(const char *to, bool is_foreground, struct counters *shared);

/* Could log_open() open it? Makes no file. Returns as log_open(). */
int log_check(const char *to);

/*
 * Opens the file again, if the log is one: it may have been renamed. Processes that were forked
 * before keep the old one. Returns 1; 0 when the log is not a file; or -1 with errno, when it cannot
 * be opened and the old one stays in use.
 */
int log_reopen(const char *to);

/*
 * Makes the log's descriptor the standard error, where child processes find it, and with it what
 * libraries print there.
 */
void log_become_stderr(void);

/* Drops lines that are less severe than `level`. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

/*
 * Writes one line: what happened, then pairs of a key and a value, then NULL. Values may come from
 * anybody: they are quoted, cleaned and cut as needed. A pair whose value is NULL is left out. The
 * address of a client is always the first pair: fail2ban(1) finds it there.
 */
void log_event(enum log_level level, const char *what, ...) __attribute__((sentinel));

/* Writes a number as a value for log_event(), and returns it. */
const char *log_number(int64_t number, char text[LOG_NUMBER_ROOM]);

/*
 * Is this failure to be logged? Of many in a short time, in all processes, only the first are, so
 * that nobody can fill the disk with them. The log says how many were left out.
 */
bool log_admits(enum log_limited kind);

/*
 * The same for a refusal of the client whose peer has this number. Each client has a few in a minute,
 * so none hides those of another. There are a few dozen such clients at a time; all others count as
 * one, and clients that are not known, who may come as many users, can be half of them at most.
 */
bool log_admits_refusal(uint64_t peer, bool is_known);

/*
 * Logs how many refusals of each client were left out, once their minute is over, or at once: for a
 * daemon to call now and then, and at its end.
 */
void log_sum_up_refusals(bool at_once);

#endif
