#include "daemon/settings.h"

#include <stddef.h>

#include "daemon/access.h"
#include "daemon/log.h"
#include "protocol/address.h"

static const char *const concurrency_words[] = {
    [CONCURRENCY_PROCESS] = "process", [CONCURRENCY_THREAD] = "thread", NULL};

static const char *const log_target_words[] = {[LOG_TARGET_AUTO] = "auto",
                                               [LOG_TARGET_SYSLOG] = "syslog",
                                               [LOG_TARGET_STDERR] = "stderr",
                                               NULL};

static const char *judge_address(const char *text)
{
    struct address address;
    const char *wrong = address_parse(text, &address);

    if (wrong != NULL)
        return wrong;
    if (address.kind == ADDRESS_EXEC)
        return "a daemon cannot listen on a command";
    return address.kind == ADDRESS_TLS ? ADDRESS_NO_TLS : NULL;
}

#define AT(member) offsetof(struct settings, member)
#define SECOND     INT64_C(1000)
#define HOUR       (3600 * SECOND)
#define DAY        (24 * HOUR)
#define MIB        (INT64_C(1024) * 1024)

const struct setting settings_table[] = {
    {.name = "library",
     .kind = SETTING_PATH,
     .offset = AT(library),
     .is_required = true,
     .is_fixed = true,
     .value = "DIR",
     .help = "the folder to serve"},
    {.name = "listen",
     .kind = SETTING_LIST,
     .offset = AT(listen),
     .default_text = ADDRESS_DEFAULT,
     .judge = judge_address,
     .is_fixed = true,
     .value = "ADDRESS",
     .help = "where to listen; the option may be given more than once"},
    {.name = "socket_mode",
     .kind = SETTING_MODE,
     .offset = AT(socket_mode),
     .default_text = "0666",
     .is_fixed = true,
     .help = "the mode of Unix sockets: who may connect at all"},
    {.name = "anonymous",
     .kind = SETTING_WORDS,
     .offset = AT(anonymous),
     .default_text = "",
     .words = access_right_words,
     .value = "RIGHTS",
     .help = "what everybody may do, as in 'list get put'"},
    {.name = "records",
     .kind = SETTING_BOOL,
     .offset = AT(records),
     .default_text = "true",
     .is_fixed = true,
     .help = "keep the digest of each stored file in its xattr user.fsd"},
    {.name = "concurrency",
     .kind = SETTING_WORD,
     .offset = AT(concurrency),
     .default_text = "process",
     .words = concurrency_words,
     .value = "MODEL",
     .help = "serve each connection in a process or in a thread of its own"},
    {.name = "spare",
     .kind = SETTING_COUNT,
     .offset = AT(spare),
     .default_text = "2",
     .most = 1000,
     .help = "how many processes are forked ahead of their connections"},
    {.name = "pid_file",
     .kind = SETTING_PATH,
     .offset = AT(pid_file),
     .is_fixed = true,
     .value = "FILE",
     .help = "a file that holds the number of the daemon's process"},
    {.name = "log.to",
     .kind = SETTING_WORD,
     .offset = AT(log_to),
     .default_text = "auto",
     .words = log_target_words,
     .is_fixed = true,
     .help = "where the log goes; auto is stderr in the foreground, else syslog"},
    {.name = "log.level",
     .kind = SETTING_WORD,
     .offset = AT(log_level),
     .default_text = "info",
     .words = log_level_words,
     .help = "how much is logged: this level and those before it"},
    {.name = "limits.sessions",
     .kind = SETTING_COUNT,
     .offset = AT(sessions),
     .default_text = "1024",
     .least = 1,
     .most = 1000000,
     .help = "how many sessions are served at a time"},
    {.name = "limits.per_address",
     .kind = SETTING_COUNT,
     .offset = AT(per_address),
     .default_text = "256",
     .least = 1,
     .most = 1000000,
     .help = "how many of them may come from one IPv4 address or one IPv6 network (/64)"},
    {.name = "limits.per_user",
     .kind = SETTING_COUNT,
     .offset = AT(per_user),
     .default_text = "256",
     .least = 1,
     .most = 1000000,
     .help = "how many of them may be of one local user, over Unix sockets"},
    {.name = "limits.memory",
     .kind = SETTING_SIZE,
     .offset = AT(memory),
     .default_text = "64M",
     .least = MIB,
     .most = MIB * MIB,
     .help = "how much memory a session may take"},
    {.name = "limits.idle",
     .kind = SETTING_DURATION,
     .offset = AT(idle_ms),
     .default_text = "5m",
     .least = 1,
     .most = 365 * DAY,
     .help = "how long a session may be without a request before it is closed"},
    {.name = "limits.request",
     .kind = SETTING_DURATION,
     .offset = AT(request_ms),
     .default_text = "30s",
     .least = 1,
     .most = DAY,
     .help = "how long a line may take to come whole"},
    {.name = "limits.stall",
     .kind = SETTING_DURATION,
     .offset = AT(stall_ms),
     .default_text = "1m",
     .least = 1,
     .most = DAY,
     .help = "how long 1 KiB of a body may take to come"},
    {.name = "limits.wait",
     .kind = SETTING_DURATION,
     .offset = AT(wait_ms),
     .default_text = "6h",
     .least = 1,
     .most = 365 * DAY,
     .help = "how long a client may send only signs of life, or take nothing of what it is sent"},
    {.name = "limits.linger",
     .kind = SETTING_DURATION,
     .offset = AT(linger_ms),
     .default_text = "30s",
     .least = 1,
     .most = HOUR,
     .help = "how long what a refused client still sends is read and dropped"},
    {.name = "limits.drain",
     .kind = SETTING_DURATION,
     .offset = AT(drain_ms),
     .default_text = "30s",
     .least = 1,
     .most = DAY,
     .help = "how long sessions may finish what they do when the daemon stops"},
    {.name = "limits.heartbeat",
     .kind = SETTING_DURATION,
     .offset = AT(heartbeat_ms),
     .default_text = "10s",
     .least = 1,
     .most = HOUR,
     .help = "how often a client that has to wait is sent a sign of life"},
    {.name = NULL},
};

void settings_init(struct settings *settings)
{
    *settings = (struct settings){.library = NULL};
    configuration_init(&settings->configuration, settings_table, settings);
}

void settings_release(struct settings *settings)
{
    configuration_release(&settings->configuration);
}
