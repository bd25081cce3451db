#include <stdlib.h>

#include "cli/commands/commands.h"
#include "cli/output.h"

int config_run(struct invocation *invocation)
{
    char *text = configuration_show(&invocation->settings.configuration);

    if (text == NULL)
        return complain_errno(REASON_INTERNAL, "config", "no memory");
    int code = output_text(text);
    free(text);
    int printed = output_flush();
    return code < 0 ? code : printed;
}
