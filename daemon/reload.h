/*
 * Reads the settings again while the daemon runs.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "daemon/command_line.h"
#include "daemon/settings.h"

/*
 * Reads the configuration files again into `settings`. If one has an error, or a user or group cannot
 * be looked up, that is logged and `settings` stay unchanged. Settings that need a restart keep
 * their values; those that have changed in the file are logged. Returns 0 or a reason. The caller
 * logs that it was done.
 */
int reload_settings(const struct command_line *line, struct settings *settings);

#endif
