/*
 * Filters: which of the files below a folder are left out, by rules as rsync(1) has them.
 *
 * A pattern that begins with "/" is matched from the folder on, any other from any component on; in
 * both cases up to the end of the path. So one without a "/" in it is about the last component. One
 * that ends in "/" is about folders only. The component "**" is any number of components, but at
 * least one, unless the pattern begins with it. The other components are those of protocol/glob.h.
 */
#ifndef CLI_FILTER_H
#define CLI_FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct filter_rule;

/* Begins as {0}, which leaves nothing out. */
struct filter {
    struct filter_rule *rules;
    size_t count;
};

/* Says what is wrong with a pattern, or NULL. */
const char *filter_fault(const char *pattern);

/*
 * Adds a rule, after those before it, whose pattern has no fault and must stay. Returns 0, or -1 with
 * errno set when there is no memory.
 */
int filter_add(struct filter *filter, bool excludes, const char *pattern);

/* Does the first rule that matches leave out this path, which is relative to the folder? */
bool filter_excludes(const struct filter *filter, const char *path, bool is_folder);

void filter_free(struct filter *filter);

#endif
