/*
 * The model "process": a process for each connection, forked when it comes.
 */
#ifndef DAEMON_PROCESS_H
#define DAEMON_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "daemon/listener.h"
#include "daemon/settings.h"
#include "daemon/store/library.h"

/* The sessions under way, as the parent knows them. */
struct process_model {
    const struct settings *settings;
    const struct library *library;
    struct listener *listener; /* which a session has no business with */
    pid_t *pids;               /* settings->sessions of them */
    size_t count;
};

/* Returns 0 or -REASON_INTERNAL. */
int process_open(struct process_model *model, const struct settings *settings,
                 const struct library *library, struct listener *listener);
void process_close(struct process_model *model);

/*
 * Serves a connection, which came by an address of that kind and is the model's from now on;
 * refuses it when there are too many.
 */
void process_start(struct process_model *model, int connection, enum address_kind kind);

/* Takes note of the sessions that have ended (waitpid(2)). */
void process_reap(struct process_model *model);

/* How many sessions are under way. */
size_t process_count(const struct process_model *model);

/* Asks all sessions to end as soon as they have served what they are at, or ends them at once. */
void process_stop(const struct process_model *model);
void process_kill(const struct process_model *model);

#endif
