/*
 * The pid file, for init scripts and administrators.
 */
#ifndef DAEMON_PID_FILE_H
#define DAEMON_PID_FILE_H

/*
 * Creates and locks the file, or takes over one that a dead daemon left: a living daemon keeps its
 * lock (fcntl(2), F_SETLK). Returns a descriptor, which must stay open, or -1 with errno set:
 * EAGAIN when another daemon has the lock, EEXIST when the path is something other than a pid file,
 * EPERM when it has another owner than root or this user, other names, or others can write to it.
 */
int pid_file_make(const char *path);

/*
 * Would pid_file_make() succeed? Makes and locks nothing. Returns 0, or -1 with errno set as above.
 */
int pid_file_check(const char *path);

/* Removes the file if it is still this one, and closes the descriptor. Does nothing for -1. */
void pid_file_remove(const char *path, int fd);

#endif
