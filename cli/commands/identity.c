#include "cli/identity.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/json.h"
#include "cli/output.h"

enum {
    NAME_ROOM = 64 + 32, /* bytes of a client's name, with its NUL */
    LINE_ROOM = 512,
};

/* Adds a text up to its first dot, with a "-" for each byte that a client's name cannot have. */
static size_t add_part(char name[NAME_ROOM], size_t used, const char *part)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    for (; *part != '\0' && *part != '.' && used + 1 < NAME_ROOM; part++)
        name[used++] = (char)(strchr(allowed, *part) != NULL ? *part : '-');
    name[used] = '\0';
    return used;
}

/* What an administrator may call this client: its host, and its user unless that is root. */
static void suggest_name(char name[NAME_ROOM])
{
    char host[65] = "";
    const struct passwd *user = geteuid() != 0 ? getpwuid(geteuid()) : NULL;
    size_t used = 0;

    (void)gethostname(host, sizeof host - 1);
    used = add_part(name, used, host[0] != '\0' && host[0] != '.' ? host : "client");
    if (user != NULL) {
        used = add_part(name, used, "-");
        (void)add_part(name, used, user->pw_name);
    }
}

int identity_run(struct invocation *invocation)
{
    struct failure *failure = invocation->failure;
    struct identity identity;
    struct json json = {.count = 0};
    char fault[TLS_FAULT_ROOM];
    char text[FINGERPRINT_ROOM];
    char name[NAME_ROOM];
    char line[LINE_ROOM];
    const struct tls *tls = tls_load(fault);

    if (tls == NULL)
        return fail(failure, REASON_INTERNAL, "identity", "cannot use TLS: %s", fault);
    int code = identity_find(tls, &invocation->settings, true, &identity, failure);
    if (code < 0)
        return code;
    if (identity.key == NULL)
        return fail(failure, identity.file[0] == '\0' ? REASON_USAGE : REASON_LOCAL, NULL,
                    "no identity: %s (use --identity FILE)", identity.missing);
    const struct fingerprint fingerprint = tls->identity_fingerprint(identity.key);
    tls->identity_close(identity.key);
    (void)fingerprint_print(&fingerprint, text);
    suggest_name(name);
    (void)snprintf(line, sizeof line,
                   "clients = ( { name = \"%s\"; key = \"%s\"; rights = \"list get put\"; "
                   "folder = \"hosts/%%c\"; } );",
                   name, text);
    if (invocation_has(invocation, OPTION_JSON)) {
        json_text(&json, "fingerprint", text);
        json_text(&json, "file", identity.file);
        json_text(&json, "clients", line);
        (void)json_end(&json);
    } else {
        (void)output_print("%s\n%s\n", text, line);
    }
    return output_flush(failure);
}
