#include "cli/filter.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/glob.h"

struct filter_rule {
    bool excludes;
    bool is_anchored;
    bool only_folders;
    size_t count;
    struct glob **components; /* NULL for "**" */
};

/* The component after the one at `path`; "" after the last one. */
static const char *next_component(const char *path)
{
    path += strcspn(path, "/");
    return *path == '/' ? path + 1 : path;
}

static bool is_any(const char *component, size_t length)
{
    return length == 2 && memcmp(component, "**", 2) == 0;
}

/* Has a component two stars in a row? */
static bool has_stars(const char *component, size_t length)
{
    for (size_t i = 0; i + 1 < length; i++) {
        if (component[i] == '\\')
            i++;
        else if (component[i] == '*' && component[i + 1] == '*')
            return true;
    }
    return false;
}

const char *filter_fault(const char *pattern)
{
    const char *fault = NULL;

    pattern += pattern[0] == '/';
    if (pattern[0] == '\0')
        return "it is empty";
    while (fault == NULL && *pattern != '\0') {
        size_t length = strcspn(pattern, "/");
        if (length == 0)
            return "a component is empty";
        if (length <= 2 && strspn(pattern, ".") >= length)
            return "no path below the folder has \".\" or \"..\" in it (begin with \"/\" for one "
                   "at the top)";
        if (!is_any(pattern, length) && has_stars(pattern, length))
            return "\"**\" must be a component of its own, as in \"a/**/b\" (for a folder and all "
                   "that is in it write \"folder/\")";
        fault = glob_fault(pattern, length);
        pattern = next_component(pattern);
    }
    return fault;
}

static void free_rule(struct filter_rule *rule)
{
    while (rule->count > 0)
        free(rule->components[--rule->count]);
    free(rule->components);
}

int filter_add(struct filter *filter, bool excludes, const char *pattern)
{
    size_t length = strlen(pattern);
    struct filter_rule rule = {.excludes = excludes, .is_anchored = pattern[0] == '/'};
    struct filter_rule *rules = realloc(filter->rules, (filter->count + 1) * sizeof *rules);

    if (rules == NULL)
        return -1;
    filter->rules = rules;
    rule.only_folders = pattern[length - 1] == '/';
    rule.components = calloc(length, sizeof(struct glob *));
    if (rule.components == NULL)
        return -1;
    pattern += rule.is_anchored;
    /* Without an anchor any components may come first anyway. */
    if (!rule.is_anchored && is_any(pattern, strcspn(pattern, "/")))
        pattern = next_component(pattern);
    for (; *pattern != '\0'; pattern = next_component(pattern)) {
        length = strcspn(pattern, "/");
        struct glob *glob = is_any(pattern, length) ? NULL : glob_compile(pattern, length);
        if (glob == NULL && !is_any(pattern, length)) {
            free_rule(&rule);
            return -1;
        }
        rule.components[rule.count++] = glob;
    }
    filter->rules[filter->count++] = rule;
    return 0;
}

static bool matches(const struct filter_rule *rule, const char *path)
{
    /* If what follows the last "**" does not match, it takes another component, as in glob_matches(). */
    const char *retry = rule->is_anchored ? NULL : path;
    size_t after = 0;
    size_t at = 0;

    while (*path != '\0') {
        if (at < rule->count && rule->components[at] == NULL) {
            retry = path = next_component(path);
            after = ++at;
        } else if (at < rule->count &&
                   glob_matches(rule->components[at], path, strcspn(path, "/"))) {
            path = next_component(path);
            at++;
        } else if (retry == NULL || *retry == '\0') {
            return false;
        } else {
            retry = path = next_component(retry);
            at = after;
        }
    }
    return at == rule->count;
}

bool filter_excludes(const struct filter *filter, const char *path, bool is_folder)
{
    for (size_t i = 0; i < filter->count; i++) {
        const struct filter_rule *rule = &filter->rules[i];
        if ((is_folder || !rule->only_folders) && matches(rule, path))
            return rule->excludes;
    }
    return false;
}

void filter_free(struct filter *filter)
{
    while (filter->count > 0)
        free_rule(&filter->rules[--filter->count]);
    free(filter->rules);
    *filter = (struct filter){.count = 0};
}
