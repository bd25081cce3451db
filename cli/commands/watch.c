#include <string.h>

#include "cli/commands/commands.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "protocol/name.h"
#include "protocol/value.h"

struct watched {
    const struct options *options;
    int64_t left; /* files that are still to be printed; -1: as many as come */
};

/* A reader of the names wants each at once. */
static int print_file(void *context, const struct entry *entry, struct failure *failure)
{
    struct watched *watched = context;
    char end = options_have(watched->options, OPTION_NULL) ? '\0' : '\n';

    (void)(options_have(watched->options, OPTION_JSON) ? json_entry(entry)
                                                       : output_print("%s%c", entry->name, end));
    int code = output_flush(failure);
    if (code == 0 && watched->left > 0 && --watched->left == 0)
        code = -REASON_LOST; /* there is no other end of it */
    return code;
}

static int check_usage(const struct options *options, int64_t *ret_count, struct failure *failure)
{
    const char *folder = options->operands[0];
    const char *count = options->values[OPTION_NUMBER];
    const char *fault = folder != NULL
                            ? name_fault(folder, name_length_without_slash(folder, strlen(folder)))
                            : NULL;

    *ret_count = -1;
    if (fault != NULL)
        return fail(failure, REASON_USAGE, folder, "no name: %s", fault);
    if (count != NULL && (!value_number(count, strlen(count), ret_count) || *ret_count == 0))
        return fail(failure, REASON_USAGE, "watch", "--count needs a number above 0");
    return 0;
}

int watch_run(struct invocation *invocation)
{
    const struct options *options = invocation->options;
    struct watched watched = {.options = options};
    const struct listing_request request = {
        .name = options->operands[0],
        .deep = true,
        .details = options_have(options, OPTION_JSON),
        .watch = true,
        .existing = options_have(options, OPTION_EXISTING),
    };
    int code = check_usage(options, &watched.left, invocation->failure);

    if (code < 0)
        return code;
    code = listing_read(&invocation->connection, &request, print_file, &watched);
    return watched.left == 0 ? 0 : code;
}
