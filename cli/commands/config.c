#include <stdlib.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/output.h"

int config_run(struct invocation *invocation)
{
    char *text = configuration_show(&invocation->settings.configuration);

    if (text == NULL)
        return complain_errno(REASON_INTERNAL, "config", "no memory");
    /* A line at a time: more may not be printed at once. */
    for (char *line = text; *line != '\0';) {
        int length = (int)strcspn(line, "\n");
        (void)output_print("%.*s\n", length, line);
        line += length + (line[length] == '\n');
    }
    free(text);
    return output_flush();
}
