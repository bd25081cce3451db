/*
 * Reading the settings again, while the daemon runs.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "daemon/command_line.h"
#include "daemon/settings.h"

/*
 * Reads the configuration file again, and puts what it says into `settings`. What is wrong with it
 * is logged, and then `settings` stay as they are. Settings that are fixed keep their values; it is
 * logged when the file says something else now. Returns 0 or a reason.
 */
int reload_settings(const struct command_line *line, struct settings *settings);

#endif
