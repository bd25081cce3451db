/*
 * Settings of a program: the input is a configuration file. What is in force after it, written as a
 * file and read again, is the same. `settings_table` is that of the program.
 */
#ifndef FUZZ_SETTINGS_H
#define FUZZ_SETTINGS_H

#include "settings/configuration.h"
#include "tests/fuzz/fuzz.h"

/* libconfig does not free a text if an error follows it in the file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig\n";
}

static inline void fuzz_settings(const uint8_t *data, size_t size, void *values, void *values_again)
{
    struct configuration first, again;
    struct fault fault;
    char line[FAULT_LINE_ROOM];

    /* As configuration_load() gives it. */
    char *text = NULL;
    bool is_text = size > 0 && memchr(data, '\0', size) == NULL;
    CHECK(asprintf(&text, "%.*s\n", is_text ? (int)size : 0, (const char *)data) > 0);

    configuration_init(&first, settings_table, values);
    configuration_init(&again, settings_table, values_again);
    int code = configuration_parse(&first, text, "file", &fault);
    free(text);
    if (code < 0) {
        CHECK(fault.text[0] != '\0' && fault_print(&fault, line) == line);
        CHECK(fuzz_is_clean(line, strlen(line)));
    } else {
        text = configuration_show(&first);
        CHECK(text != NULL && configuration_parse(&again, text, "again", &fault) == 0);
        for (const struct setting *row = settings_table; row->name != NULL; row++)
            CHECK(row->is_followed || configuration_is_equal(&first, &again, row));
        free(text);
    }
    configuration_release(&first);
    configuration_release(&again);
}

#endif
