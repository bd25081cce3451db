/*
 * Signals: one that ends the program first removes the temporary file of the moment, and tells the
 * command that is the server to end.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <sys/types.h>

/* From now on. Signals that were ignored at the start stay ignored. */
void signals_catch(void);

/* There is a temporary file of that name in an open folder; or there is none any more. */
void signals_note_file(int folder, const char *name);
void signals_forget_file(void);

/* fork(2) of a command, which begins with the signals as they were; its process is noted. */
pid_t signals_fork(void);
void signals_forget_child(void);

#endif
