#include <stdlib.h>

#include "cli/commands/commands.h"
#include "cli/output.h"

int config_run(struct invocation *invocation)
{
    char *text = configuration_show(&invocation->settings.configuration);

    if (text == NULL)
        return fail_errno(invocation->failure, REASON_INTERNAL, "config", "no memory");
    (void)output_text(text);
    free(text);
    return output_flush(invocation->failure);
}
