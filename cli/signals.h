/*
 * Signals: one that ends the program first removes the temporary file, if there is one, and ends the
 * command that is the server.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

/* Catches signals from now on. Those that were ignored at the start stay ignored. */
void signals_catch(void);

/*
 * Notes that there is a temporary file of that name in an open folder, or that it is gone. `path` is
 * what it is for: if it cannot be removed, that is said on standard error.
 */
void signals_note_file(int folder, const char *name, const char *path);
void signals_forget_file(void);

/* From now on a pipe that nobody reads fails with EPIPE. Commands begin with the signal as before. */
void signals_survive_pipe(void);

/*
 * fork(2) of a command, which begins with default signals, in a process group of its own if that is
 * wanted. Its process, or the whole group, is noted.
 */
pid_t signals_fork(bool own_group);

/*
 * Reaps, without waiting, what has ended of a command: of a process, or of the group whose negative
 * number is given, as kill(2) takes it. When the command itself is among them, sets `*ret_status` as
 * waitpid(2). Returns true when none is left, which is noted for what signals_fork() has noted.
 */
bool signals_reap(pid_t of, int *ret_status);

#endif
