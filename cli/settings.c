#include "cli/settings.h"

#include <stdlib.h>

#include "cli/output.h"

int settings_read(struct settings *settings, const char *server)
{
    *settings = (struct settings){
        .limits = {.silence_ms = 30000,
                   .line_ms = 60000,
                   .stall_ms = 60000,
                   .write_ms = 60000,
                   .wait_ms = INT64_C(6) * 3600 * 1000},
        .connect_ms = 10000,
        .heartbeat_ms = 10000,
        .refused_ms = 5000,
    };
    if (server == NULL) {
        server = getenv("FSC_SERVER");
        if (server == NULL || server[0] == '\0')
            server = ADDRESS_DEFAULT;
    }
    const char *wrong = address_parse(server, &settings->server);
    if (wrong != NULL)
        return complain(REASON_USAGE, server, "no server address: %s", wrong);
    if (settings->server.kind == ADDRESS_TLS)
        return complain(REASON_USAGE, server, ADDRESS_NO_TLS);
    return 0;
}
