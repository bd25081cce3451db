#include "cli/commands/commands.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "protocol/name.h"

/* What is to be printed, as the sink of the listing needs it. */
struct watch {
    const struct options *options;
    int64_t left; /* files that are still to be printed; -1: as many as come */
};

/* A reader of the names wants each at once. */
static int print_file(void *context, const struct entry *entry, struct failure *failure)
{
    struct watch *watch = context;
    char end = options_have(watch->options, OPTION_NULL) ? '\0' : '\n';

    (void)(options_have(watch->options, OPTION_JSON) ? json_entry(entry)
                                                     : output_print("%s%c", entry->name, end));
    int code = output_flush(failure);
    if (code == 0 && watch->left > 0 && --watch->left == 0)
        code = fail_quietly(failure, REASON_LOST); /* there is no other way to end it */
    return code;
}

int watch_run(struct invocation *invocation)
{
    const struct options *options = invocation->options;
    const char *operand = options->operands[0];
    const char *folder = operand != NULL ? invocation_bare_name(operand) : "";
    struct watch watch = {.options = options, .left = -1};
    const struct listing_request request = {
        .name = folder[0] != '\0' ? folder : NULL,
        .command = "watch",
        .deep = true,
        .details = options_have(options, OPTION_JSON),
        .watch = true,
        .existing = options_have(options, OPTION_EXISTING),
    };
    int code = 0;

    if (operand != NULL && (folder[0] != '\0' || operand[0] == '\0'))
        code = invocation_check_folder(invocation, folder);
    if (code == 0)
        code = options_count(options, OPTION_NUMBER, &watch.left, invocation->failure);
    if (code < 0)
        return code;
    code = listing_read(&invocation->connection, &request, print_file, &watch);
    return watch.left == 0 ? 0 : code;
}
