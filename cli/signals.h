/*
 * Signals: one that ends the program first removes the temporary file, if there is one, and ends the
 * command that is the server.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <sys/types.h>

/* Catches signals from now on. Those that were ignored at the start stay ignored. */
void signals_catch(void);

/* Notes that there is a temporary file of that name in an open folder, or that it is gone. */
void signals_note_file(int folder, const char *name);
void signals_forget_file(void);

/* fork(2) of a command, which begins with default signals, and whose process is noted. */
pid_t signals_fork(void);
void signals_forget_child(void);

#endif
