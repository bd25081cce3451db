#include "cli/ssh.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    REMOTE_ROOM = 5 * PATH_MAX + 256, /* bytes: five for one of the library's path, and the rest */
};

/*
 * The command for the user's shell on the other machine. sh, csh and fish agree on single quotes, but
 * not on a quote or backslash between them. So the library's path is written for printf(1), with all
 * but plain bytes in octal. sshd's PATH lacks the folders of daemons.
 */
static void print_remote(const char *library, char text[REMOTE_ROOM])
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    size_t used = (size_t)snprintf(text, REMOTE_ROOM,
                                   "sh -c 'PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; "
                                   "exec fsd --stdio%s' fsd '",
                                   library[0] != '\0' ? " --library \"$(printf %b \"$1\")\"" : "");

    for (const char *byte = library; *byte != '\0'; byte++)
        used +=
            (size_t)snprintf(text + used, REMOTE_ROOM - used,
                             strchr(plain, *byte) != NULL ? "%c" : "\\0%03o", (unsigned char)*byte);
    (void)snprintf(text + used, REMOTE_ROOM - used, "'");
}

void ssh_exec(const struct address *server, bool may_ask)
{
    /* ssh_config(5) may forward ports for this host, or run a command. sh reports a missing ssh. */
    static const char script[] =
        "exec ssh -T -oClearAllForwardings=yes -oRemoteCommand=none ${4:+-oBatchMode=yes} "
        "${3:+-p \"$3\"} -- \"$1\" \"$2\"";
    char remote[REMOTE_ROOM];

    print_remote(server->rest, remote);
    (void)execl("/bin/sh", "sh", "-c", script, "fsc", server->host, remote, server->port,
                may_ask ? "" : "yes", (char *)NULL);
}
