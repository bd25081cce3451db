/*
 * The file that holds the number of the daemon's process, for init scripts and administrators.
 */
#ifndef DAEMON_PID_FILE_H
#define DAEMON_PID_FILE_H

/*
 * Makes the file, or takes over one that a dead daemon has left; a lock on it (fcntl(2), F_SETLK)
 * tells them apart. Returns a descriptor to be kept, or -1 with errno set, EAGAIN when a living
 * daemon holds it.
 */
int pid_file_make(const char *path);

/* Removes the file and closes the descriptor; -1 is let be. */
void pid_file_remove(const char *path, int fd);

#endif
