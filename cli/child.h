/*
 * Children: the commands that fsc runs. cli/dial.c starts those of exec: and ssh:// addresses, and
 * child_start() those of --from-command, whose output is stored, and of --to-command, whose input is
 * what is fetched. Their standard error is ours.
 */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/failure.h"

/*
 * Is there a controlling terminal? Then a command stays in our process group, so that it can ask there
 * and Ctrl-C ends it, too. Otherwise it has its own, which gets the signals that end us.
 */
bool child_is_at_terminal(void);

/*
 * Ends a command whose descriptors were closed: a process, or a whole process group, whose negative
 * number `pid` is then. Without `hurry` it first has a few seconds to end by itself. Then the process
 * gets TERM, then what is left of its group, and a few seconds later KILL. Returns the status of
 * waitpid(2) if it ended by itself, or -1.
 */
int child_end(pid_t pid, bool hurry);

enum {
    CHILD_LOOK_MS = 200, /* between two looks whether a silent child was stopped */
};

enum child_pipe {
    CHILD_WRITES, /* its standard output is the pipe; its input is ours, or empty for a terminal */
    CHILD_READS,  /* its standard input is the pipe; its output is ours */
};

/* The command of --from-command or --to-command. Begins as {.fd = -1}. */
struct child {
    const char *name;   /* argv[0], for messages */
    int fd;             /* our end of the pipe, which does not block; -1: none */
    pid_t pid;          /* 0: none; negative for a process group of its own, as kill(2) takes it */
    bool has_ended;     /* and is reaped */
    bool was_stopped;   /* it was killed, because SIGTTIN or another signal had stopped it */
    bool is_cut_off;    /* one that reads: it did not read all */
    int64_t stopped_ms; /* of clock_ms(): when it was first seen stopped; 0: it is not */
    int64_t until_ms;   /* of clock_ms(): when it must have ended; the caller sets it */
    int status; /* once it has ended, as waitpid(2) has it, with the signal that stopped it */
};

/*
 * Starts a command, which is then to be ended by child_close() or child_kill(). Returns 0, or
 * -REASON_COMMAND if it cannot be run.
 */
int child_start(struct child *child, char *const argv[], enum child_pipe kind,
                struct failure *failure);

/*
 * Has it ended? Waits at most `limit_ms`. One that stays stopped would never end, and is killed, with
 * all of its process group.
 */
bool child_has_ended(struct child *child, int64_t limit_ms);

/*
 * Writes to a child that reads. Returns 0, or -1 if it reads no more, has ended or was stopped, or
 * must have ended by now.
 */
int child_write(struct child *child, const char *bytes, size_t length);

/*
 * Closes the pipe of a child that reads, to which all was written, and waits until it has ended. Returns
 * false if it has not by `until_ms`.
 */
bool child_close(struct child *child);

/*
 * Ends the command, unless it has ended, and what is left of its process group. Only then closes the
 * pipe, so that a command that reads does not take what it got for all of the file.
 */
void child_kill(struct child *child);

/*
 * Has it ended, with 0, and read all if it reads? Returns 0, or -REASON_COMMAND in a message about
 * `subject`.
 */
int child_check(const struct child *child, const char *subject, struct failure *failure);

#endif
